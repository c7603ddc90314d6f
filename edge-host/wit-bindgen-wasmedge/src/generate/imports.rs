//! What the host offers: a trait for each imported interface, and the dispatch from the table.

use wit_parser::Function;

use super::names::snake;
use super::output::Output;
use super::plan::{Imported, Plan};
use super::type_names::{Scope, owned};

pub(crate) fn write(plan: &Plan, out: &mut Output) {
    for imported in &plan.imports {
        write_trait(plan, imported, out);
    }
    write_dispatch(plan, out);
}

fn write_trait(plan: &Plan, imported: &Imported, out: &mut Output) {
    out.blank();
    match &imported.docs {
        Some(docs) => out.docs(docs),
        None => out.docs(&format!("The functions of `{}` that a guest may call.", imported.wit)),
    }
    out.line(format!("pub trait {} {{", imported.trait_name));
    for function in &imported.functions {
        out.blank();
        if let Some(docs) = &function.docs.contents {
            out.docs(docs);
        }
        let mut params = vec!["&mut self".to_owned()];
        for param in &function.params {
            params.push(format!("{}: {}", snake(&param.name), owned(plan, param.ty, Scope::Top)));
        }
        let result = function.result.map(|ty| format!(" -> {}", owned(plan, ty, Scope::Top)));
        let after = format!("){};", result.unwrap_or_default());
        out.list(&format!("fn {}(", snake(&function.name)), &params, &after);
    }
    out.line("}");
}

fn write_dispatch(plan: &Plan, out: &mut Output) {
    let traits: Vec<&str> =
        plan.imports.iter().map(|imported| imported.trait_name.as_str()).collect();
    let host =
        if traits.is_empty() { "H".to_owned() } else { format!("H: {}", traits.join(" + ")) };
    out.blank();
    out.docs(
        "Serves a guest's call of the import at this index of [`IMPORTS`]: lifts the arguments,\n\
         calls the host, lowers the result.",
    );
    out.line(format!("pub fn call_import<{host}, M: rt::GuestMemory + ?Sized>("));
    for param in [
        "host: &mut H",
        "memory: &mut M",
        "import: usize",
        "params: &[rt::CoreValue]",
        "results: &mut [rt::CoreValue]",
    ] {
        out.line(format!("{param},"));
    }
    out.line(") -> Result<(), rt::CallError> {");
    let functions = plan
        .imports
        .iter()
        .flat_map(|imported| imported.functions.iter().map(move |function| (imported, function)));
    if plan.imports.is_empty() {
        out.line("let _ = (host, memory, params, results);");
    }
    out.line("match import {");
    for (index, (imported, function)) in functions.enumerate() {
        write_arm(index, imported, function, out);
    }
    out.line("other => Err(rt::AbiError::no_such_function(other, IMPORTS.len()).into()),");
    out.line("}");
    out.line("}");
}

fn write_arm(index: usize, imported: &Imported, function: &Function, out: &mut Output) {
    // Not the names of the WIT, which could be those of `call_import`'s own parameters.
    let names: Vec<String> =
        (0..function.params.len()).map(|index| format!("argument_{index}")).collect();
    let pattern = match names.as_slice() {
        [only] => format!("({only},)"),
        all => format!("({})", all.join(", ")),
    };
    out.line(format!("{index} => {{"));
    let lift = format!("rt::lift_arguments(&IMPORTS[{index}], memory, params, LIFTED_BYTES_MAX)?");
    out.assign(&format!("let {pattern}"), &format!("{lift};"));
    let mut arguments = vec!["host".to_owned()];
    arguments.extend(names);
    let method = format!("{}::{}", imported.trait_name, snake(&function.name));
    out.line(format!("let result = {method}({});", arguments.join(", ")));
    out.line(format!("rt::lower_result(&IMPORTS[{index}], memory, &result, params, results)"));
    out.line("}");
}
