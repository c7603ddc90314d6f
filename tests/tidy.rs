//! The rules of the code, as tests: budgets, who may import whom, what is deliberately absent.
//! Reads the sources as text; needs nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Lines of a file at most.
const FILE_LINES_MAX: usize = 500;
/// Columns of a line at most.
const LINE_COLUMNS_MAX: usize = 100;
/// The median of all files' lines at most.
const FILE_LINES_MEDIAN_MAX: usize = 180;

/// Rooms by number: a room imports only rooms with a lower one (README, code map).
const GUEST_ROOMS: &[(&str, u8)] = &[
    ("domain", 1),
    ("bindings", 1),
    ("storage", 2),
    ("operations", 3),
    ("contract", 4),
    ("exports", 5),
];
const HOST_ROOMS: &[(&str, u8)] = &[
    ("metrics", 0),
    ("runtime", 1),
    ("guest", 2),
    ("host_functions", 3),
    ("shard", 4),
    ("hot_swap", 5),
    ("http", 6),
    ("wms", 6),
    ("replay", 6),
    ("config", 7),
    ("log", 7),
    ("app", 8),
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Written by a program: its shape is the program's affair.
    fn is_generated(&self) -> bool {
        self.text.starts_with("// Generated")
    }

    /// The lines before the file's own tests.
    fn shipped(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]").unwrap_or(self.text.len());
        self.text[..end].lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The shipped lines without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.shipped().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str, extension: &str) -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root().join(folder), extension, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no .{extension} file in {folder}/");
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(root()).unwrap().display().to_string();
            let source = Source { path, text };
            if !source.is_generated() {
                found.push(source);
            }
        }
    }
}

fn expect_none(rule: &str, found: &[String]) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn files_and_lines_stay_within_their_budget() {
    let sources = sources("", "rs");
    let mut found = Vec::new();
    let mut lengths = Vec::new();
    for source in &sources {
        let lines = source.text.lines().count();
        lengths.push(lines);
        if lines > FILE_LINES_MAX {
            found.push(format!("{}: {lines} lines", source.path));
        }
        for (index, line) in source.text.lines().enumerate() {
            if line.chars().count() > LINE_COLUMNS_MAX {
                found.push(format!("{}:{}: too wide", source.path, index + 1));
            }
        }
    }
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    if median > FILE_LINES_MEDIAN_MAX {
        found.push(format!("the median file has {median} lines"));
    }
    expect_none("budgets of style.md", &found);
}

#[test]
fn every_file_says_why_it_exists() {
    let missing: Vec<String> = sources("", "rs")
        .into_iter()
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    expect_none("files without a `//!` line on top", &missing);
}

#[test]
fn rooms_import_only_rooms_below_them() {
    let mut found = Vec::new();
    for (folder, rooms) in [("inventory-guest/src", GUEST_ROOMS), ("edge-host/src", HOST_ROOMS)] {
        let ranks: BTreeMap<&str, u8> = rooms.iter().copied().collect();
        for source in sources(folder, "rs") {
            let inside = source.path.strip_prefix(folder).unwrap().trim_start_matches('/');
            let room = inside.split(['/', '.']).next().unwrap();
            let Some(rank) = ranks.get(room) else { continue };
            for (line, imported) in imports(&source) {
                let allowed = imported == room || ranks.get(imported).is_none_or(|r| r < rank);
                if !allowed {
                    found.push(format!("{}:{line}: {room} imports {imported}", source.path));
                }
            }
        }
    }
    expect_none("imports against the order of the rooms", &found);
}

/// The rooms named after `crate::`, also in a `use crate::{a::…, b::…}` over several lines.
fn imports(source: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut inside_group = false;
    for (number, line) in source.code() {
        let mut rest = line;
        while let Some(at) = rest.find("crate::") {
            let standalone = !rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            rest = &rest[at + "crate::".len()..];
            if standalone && !rest.starts_with('{') {
                found.push((number, first_word(rest)));
            }
        }
        if line.starts_with("use crate::{") && !line.ends_with(';') {
            inside_group = true;
        } else if line.starts_with('}') {
            inside_group = false;
        } else if inside_group && line.starts_with("    ") && !line.starts_with("     ") {
            found.push((number, first_word(line.trim())));
        }
    }
    found
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

/// A word, where it may stand, and why only there.
const PLACES: &[(&str, &str, &str, &[&str])] = &[
    ("edge-host/src", "WasmEdge_", "runtime/ alone names WasmEdge", &["runtime/"]),
    ("edge-host/src", "axum::", "http/ alone names axum", &["http/"]),
    ("edge-host/src", "rustls::", "TLS is Redis's", &["host_functions/redis/"]),
    (
        "edge-host/src",
        "rusqlite::",
        "SQLite is behind shard/ and its host function",
        &["shard/", "host_functions/sqlite.rs"],
    ),
    (
        "edge-host/src",
        "\"PRAGMA ",
        "the host's SQL is in shard/database.rs",
        &["shard/database.rs"],
    ),
    ("edge-host/src", "\"COMMIT", "the host's SQL is in shard/database.rs", &["shard/database.rs"]),
    ("edge-host/src", "\"SELECT ", "the host knows no table", &[]),
    ("edge-host/src", "\"INSERT ", "the host knows no table", &[]),
    ("edge-host/src", "\"UPDATE ", "the host knows no table", &[]),
    ("edge-host/src", "inventory_guest::", "the host never depends on the guest", &[]),
    ("edge-host/src", "unsafe {", "unsafe code is the engine's edge", &["runtime/"]),
    ("inventory-guest/src", "SystemTime", "a guest has no clock; the CLI does", &["bin/"]),
    ("inventory-guest/src", "Instant::now", "a guest has no clock; the CLI does", &["bin/"]),
    ("inventory-guest/src", "thread_rng", "a guest has no randomness", &[]),
    ("inventory-guest/src/domain", "std::fs", "the domain touches no file", &[]),
    ("inventory-guest/src/domain", "SELECT ", "the domain knows no SQL", &[]),
    ("inventory-guest/src/operations", "SELECT ", "SQL is in storage/", &[]),
    ("inventory-guest/src/operations", "INSERT ", "SQL is in storage/", &[]),
];

#[test]
fn what_is_deliberately_absent_is_absent() {
    let mut found = Vec::new();
    for (folder, word, why, allowed) in PLACES {
        for source in sources(folder, "rs") {
            let inside = source.path.strip_prefix(folder).unwrap().trim_start_matches('/');
            if allowed.iter().any(|place| inside.starts_with(place)) {
                continue;
            }
            for (line, _) in source.code().filter(|(_, line)| line.contains(word)) {
                found.push(format!("{}:{line}: `{word}`: {why}", source.path));
            }
        }
    }
    expect_none("invariants of architecture.md §2", &found);
}

#[test]
fn shipped_code_has_no_shortcuts() {
    // Split, so that this file does not find itself.
    let words = [".unwrap", "()"].concat();
    let words = [words.as_str(), "todo!", "unimplemented!", "dbg!", "FIXME", "XXX"];
    let mut found = Vec::new();
    for folder in [
        "wit/json/src",
        "replay/src",
        "inventory-guest/src",
        "edge-host/src",
        "edge-host/wit-bindgen-wasmedge/src",
    ] {
        for source in sources(folder, "rs") {
            // A file or folder named `tests` is compiled for tests only.
            if source.path.contains("/tests/") || source.path.ends_with("/tests.rs") {
                continue;
            }
            for (line, text) in source.code() {
                for word in words.iter().filter(|word| text.contains(**word)) {
                    found.push(format!("{}:{line}: {word}", source.path));
                }
            }
        }
    }
    expect_none("shortcuts in shipped code", &found);
}

#[test]
fn no_test_is_ignored() {
    let attribute = ["#[", "ignore"].concat();
    let found: Vec<String> = sources("", "rs")
        .iter()
        .filter(|source| source.text.contains(&attribute))
        .map(|source| source.path.clone())
        .collect();
    expect_none("ignored tests", &found);
}

#[test]
fn every_path_in_a_document_exists() {
    let mut found = Vec::new();
    for source in sources("", "md") {
        let folder = root().join(Path::new(&source.path).parent().unwrap());
        for (index, line) in source.text.lines().enumerate() {
            for path in line.split('`').skip(1).step_by(2).filter(|word| is_path(word)) {
                if !folder.join(path).exists() && !root().join(path).exists() {
                    found.push(format!("{}:{}: {path}", source.path, index + 1));
                }
            }
        }
    }
    expect_none("paths that do not exist", &found);
}

/// A word in backquotes that can only be meant as a path of this repository.
fn is_path(word: &str) -> bool {
    let ends = [".rs", ".md", ".toml", ".sql", ".wit"];
    let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
    // What is built or laid beside the repository may be missing.
    let elsewhere = ["target/", "../shared", "http", "/", "OUT_DIR"];
    plain
        && word.contains('/')
        && !elsewhere.iter().any(|start| word.starts_with(start))
        && (ends.iter().any(|end| word.ends_with(end)) || word.ends_with('/'))
}
