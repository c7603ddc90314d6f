//! Measures this machine: each figure beside its limit, taken in the same run.
//!
//! `make bench` runs all; `make bench ARGS="commit http"` some. Nothing passes or fails here: the
//! table says what was measured and what issue 2 asks for, and goes to `target/bench/summary.md`.
//! `BENCH_SECONDS` (default 5) is how long one load runs.

mod boundary;
mod catalog;
mod cold_start;
mod commit;
mod crun_start;
mod http;
#[path = "../tests/containers/image.rs"]
mod image;
mod measure;
#[path = "../tests/containers/namespace.rs"]
mod namespace;
mod routing;

use measure::{Report, constant_server};

/// A bench's name, and what runs it.
type Bench = (&'static str, fn(&mut Report));

const BENCHES: [Bench; 7] = [
    ("boundary", boundary::run),
    ("commit", commit::run),
    ("http", http::run),
    ("catalog", catalog::run),
    ("routing", routing::run),
    ("cold_start", cold_start::run),
    ("crun_start", crun_start::run),
];

fn main() {
    // Cargo adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    if let [mode, body] = wanted.as_slice()
        && mode == constant_server::MODE
    {
        return constant_server::serve(body);
    }
    if wanted == [crun_start::MODE] {
        return crun_start::measure_inside();
    }
    if let Some(unknown) = wanted.iter().find(|name| BENCHES.iter().all(|(it, _)| it != name)) {
        let names: Vec<&str> = BENCHES.iter().map(|(name, _)| *name).collect();
        eprintln!("there is no bench {unknown}; there are {}", names.join(", "));
        std::process::exit(64);
    }
    let mut report = Report::begin();
    for (name, run) in BENCHES {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            report.title(name);
            run(&mut report);
        }
    }
    report.end();
}
