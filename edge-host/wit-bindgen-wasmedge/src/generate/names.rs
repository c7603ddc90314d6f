//! WIT's kebab-case names in Rust's cases, clear of its keywords and prelude.

use std::collections::BTreeMap;

use super::GenerateError;

/// Words that cannot name a field, function or module as they are.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];
/// Words that stay reserved even as raw identifiers.
const PATH_WORDS: &[&str] = &["self", "super", "crate"];
/// Types that generated code uses by their short names.
const PRELUDE: &[&str] = &["Self", "Option", "Result", "String", "Vec"];

/// `order-state` as `order_state`, for fields, functions and parameters.
pub(crate) fn snake(kebab: &str) -> String {
    let name = kebab.to_ascii_lowercase().replace('-', "_");
    if KEYWORDS.contains(&name.as_str()) {
        format!("r#{name}")
    } else if PATH_WORDS.contains(&name.as_str()) {
        format!("{name}_")
    } else {
        name
    }
}

/// `order-state` as `OrderState`, for types and cases.
pub(crate) fn camel(kebab: &str) -> String {
    let name: String = kebab.split('-').flat_map(capitalized).collect();
    if PRELUDE.contains(&name.as_str()) { format!("{name}_") } else { name }
}

fn capitalized(word: &str) -> impl Iterator<Item = char> + '_ {
    word.char_indices().map(|(index, letter)| {
        if index == 0 { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    })
}

/// The names of one scope, each given once.
#[derive(Default)]
pub(crate) struct Taken {
    owners: BTreeMap<String, String>,
}

impl Taken {
    /// Gives `name` to `owner`, which a message can show.
    pub(crate) fn take(&mut self, name: &str, owner: &str) -> Result<(), GenerateError> {
        match self.owners.insert(name.to_owned(), owner.to_owned()) {
            None => Ok(()),
            Some(before) => Err(GenerateError::NameClash {
                name: name.to_owned(),
                between: [before, owner.to_owned()],
            }),
        }
    }
}
