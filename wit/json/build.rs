//! Generates the contract's types, and the typed glue to a guest, from `wit/`.

use std::error::Error;

use wit_bindgen_wasmedge::generate::Generator;

fn main() -> Result<(), Box<dyn Error>> {
    Generator::new("..").world("inventory").write_to_out_dir("contract.rs")?;
    Ok(())
}
