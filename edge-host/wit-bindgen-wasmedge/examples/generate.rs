//! Prints the host glue of a WIT world: `cargo run --features generate --example generate -- DIR
//! [WORLD]`.

use std::process::ExitCode;

use wit_bindgen_wasmedge::generate::Generator;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(wit) = arguments.next() else {
        eprintln!("usage: generate DIR [WORLD]");
        return ExitCode::from(64);
    };
    let generator = arguments.next().into_iter().fold(Generator::new(wit), Generator::world);
    match generator.generate() {
        Ok(code) => {
            print!("{code}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
