//! The table: printed as it is filled, and kept as Markdown.

use std::{fmt::Write as _, fs};

use super::repository;

const SUMMARY: &str = "target/bench/summary.md";
const HEAD: [&str; 5] = ["measured", "ours", "limit in the same run", "ours / limit", "asked for"];

/// One line: what was measured, what it is held against, and what issue 2 asks for.
pub(crate) struct Figure {
    what: String,
    ours: f64,
    unit: &'static str,
    beside: String,
    limit: Option<(f64, &'static str)>,
    beside_limit: String,
    asked: &'static str,
}

impl Figure {
    pub(crate) fn new(what: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        let (what, beside, beside_limit) = (what.into(), String::new(), String::new());
        Self { what, ours, unit, beside, limit: None, beside_limit, asked: "" }
    }

    /// Adds a word to our own value, such as its latencies.
    pub(crate) fn with(mut self, beside: impl Into<String>) -> Self {
        self.beside = beside.into();
        self
    }

    /// Holds the value against another in the same unit.
    pub(crate) fn against(mut self, limit: f64, name: &'static str) -> Self {
        self.limit = Some((limit, name));
        self
    }

    /// Adds a word to the limit.
    pub(crate) fn beside(mut self, beside: impl Into<String>) -> Self {
        self.beside_limit = beside.into();
        self
    }

    pub(crate) fn asked(mut self, asked: &'static str) -> Self {
        self.asked = asked;
        self
    }

    fn cells(&self) -> [String; 5] {
        let ours = with_beside(format!("{} {}", number(self.ours), self.unit), &self.beside);
        let (limit, ratio) = match self.limit {
            Some((limit, name)) => {
                let value = with_beside(format!("{} {name}", number(limit)), &self.beside_limit);
                (value, format!("{:.2}", self.ours / limit))
            }
            None => (String::new(), String::new()),
        };
        [self.what.clone(), ours, limit, ratio, self.asked.to_owned()]
    }
}

/// Everything measured so far.
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn begin() -> Self {
        Self(format!("Measured on {} with {} cores.\n", processor(), cores()))
    }

    /// Begins the table of a bench.
    pub(crate) fn title(&mut self, name: &str) {
        println!("\n{name}");
        let line = HEAD.map(|_| "---").join("|");
        let _ = write!(self.0, "\n### {name}\n\n|{}|\n|{line}|\n", HEAD.join("|"));
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, figure: &Figure) {
        let cells = figure.cells();
        let _ = writeln!(self.0, "|{}|", cells.join("|"));
        let [what, ours, limit, ratio, asked] = cells;
        let asked = if asked.is_empty() { asked } else { format!("asked: {asked}") };
        let ratio = if ratio.is_empty() { ratio } else { format!("= {ratio} of {limit}") };
        println!("  {what:<42} {ours:<64} {ratio:<66} {asked}");
    }

    /// Writes the summary.
    pub(crate) fn end(self) {
        let path = repository(SUMMARY);
        fs::write(&path, self.0).expect("target/bench/ can be written");
        println!("\n{SUMMARY} has these tables");
    }
}

fn with_beside(value: String, beside: &str) -> String {
    if beside.is_empty() { value } else { format!("{value} ({beside})") }
}

/// Three digits that count, and thousands apart.
fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn processor() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.and_then(|rest| rest.split_once(':'));
    model.map_or("an unnamed processor", |(_, name)| name.trim()).to_owned()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
