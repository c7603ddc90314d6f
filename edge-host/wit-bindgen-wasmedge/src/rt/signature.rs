//! The functions a world imports and exports, and checking a module against them before it runs.

use std::error::Error;
use std::fmt;

use super::CoreType;

/// One function of the table a guest is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The module it is imported from; empty for exports.
    pub module: &'static str,
    /// Its name in the import's module, or among the exports.
    pub name: &'static str,
    /// Its parameters.
    pub params: &'static [CoreType],
    /// Its results.
    pub results: &'static [CoreType],
    /// What the WIT says of it, for messages: such as `inventory:guest/commands@1.0.0 apply:
    /// func(…)`.
    pub wit: &'static str,
    /// Whether a guest must have it. Imports are never required: a guest need not call everything.
    pub presence: Presence,
}

/// Whether a guest must have a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Without it the guest is refused.
    Required,
    /// It may be absent; when it is there, its type must match.
    Optional,
}

/// An import or export of a module, as the engine lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The module it is imported from; empty for exports.
    pub module: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What it is.
    pub kind: ItemKind<'a>,
}

/// What an import or export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind<'a> {
    /// A function over the number types.
    Function {
        /// Its parameters.
        params: &'a [CoreType],
        /// Its results.
        results: &'a [CoreType],
    },
    /// A 32-bit linear memory that is not shared.
    Memory,
    /// Anything else, in words: such as `a table`, or `a function with a v128 parameter`.
    Other(&'a str),
}

/// An import or export that does not fit the world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Mismatch {}

/// Every import that is in none of the `allowed` tables, or has another type there.
///
/// `allowed` is the guest's whole world: the generated `IMPORTS`, and what else the embedder
/// offers, such as WASI.
pub fn check_imports(imports: &[Item<'_>], allowed: &[&[Signature]]) -> Vec<Mismatch> {
    imports.iter().filter_map(|item| check_import(item, allowed)).collect()
}

fn check_import(item: &Item<'_>, allowed: &[&[Signature]]) -> Option<Mismatch> {
    let named = format!("import `{}` `{}`", item.module, item.name);
    let found = allowed
        .iter()
        .flat_map(|table| table.iter())
        .find(|signature| signature.module == item.module && signature.name == item.name);
    match found {
        None => Some(Mismatch {
            message: format!("{named}: {} is not offered to guests", describe(&item.kind)),
        }),
        Some(signature) => check_type(&named, &item.kind, signature),
    }
}

/// Every export of the table that is missing or has another type. Exports beyond the table are the
/// guest's own affair, but `memory` must be there.
pub fn check_exports(exports: &[Item<'_>], table: &[Signature]) -> Vec<Mismatch> {
    let memory = match exports.iter().find(|item| item.name == MEMORY).map(|item| item.kind) {
        Some(ItemKind::Memory) => None,
        Some(other) => Some(Mismatch {
            message: format!(
                "export `{MEMORY}`: expected a 32-bit memory, found {}",
                describe(&other)
            ),
        }),
        None => {
            Some(Mismatch { message: format!("export `{MEMORY}`: missing, expected a memory") })
        }
    };
    let functions = table.iter().filter_map(|signature| check_export(exports, signature));
    memory.into_iter().chain(functions).collect()
}

const MEMORY: &str = "memory";

fn check_export(exports: &[Item<'_>], signature: &Signature) -> Option<Mismatch> {
    let named = format!("export `{}`", signature.name);
    match exports.iter().find(|item| item.name == signature.name) {
        Some(item) => check_type(&named, &item.kind, signature),
        None if signature.presence == Presence::Optional => None,
        None => Some(Mismatch {
            message: format!("{named}: missing, expected {}", expectation(signature)),
        }),
    }
}

fn check_type(named: &str, actual: &ItemKind<'_>, signature: &Signature) -> Option<Mismatch> {
    match actual {
        ItemKind::Function { params, results }
            if *params == signature.params && *results == signature.results =>
        {
            None
        }
        other => Some(Mismatch {
            message: format!(
                "{named}: expected {}, found {}",
                expectation(signature),
                describe(other)
            ),
        }),
    }
}

fn expectation(signature: &Signature) -> String {
    let function = ItemKind::Function { params: signature.params, results: signature.results };
    format!("{} for `{}`", describe(&function), signature.wit)
}

fn describe(kind: &ItemKind<'_>) -> String {
    match kind {
        ItemKind::Function { params, results } => {
            format!("a function ({}) -> ({})", list(params), list(results))
        }
        ItemKind::Memory => "a memory".to_owned(),
        ItemKind::Other(words) => (*words).to_owned(),
    }
}

fn list(types: &[CoreType]) -> String {
    types.iter().map(CoreType::to_string).collect::<Vec<_>>().join(", ")
}
