//! The types of the world: a module for each interface, a Rust type for each WIT type.

use wit_parser::{Docs, Resolve, Type, TypeDefKind, TypeId};

use super::names::{camel, snake};
use super::output::Output;
use super::plan::{Module, Plan};
use super::type_names::{Scope, definition, owned};

pub(crate) fn write(plan: &Plan, out: &mut Output) {
    for module in plan.modules.iter().filter(|module| !module.types.is_empty()) {
        out.blank();
        match &module.docs {
            Some(docs) => out.docs(docs),
            None => out.docs(&format!("The types of `{}`.", module.wit)),
        }
        out.line(format!("pub mod {} {{", module.name));
        for id in &module.types {
            out.blank();
            write_type(plan, module, *id, out);
        }
        out.line("}");
    }
}

fn write_type(plan: &Plan, module: &Module, id: TypeId, out: &mut Output) {
    let scope = Scope::Module(&module.name);
    let wit = &plan.resolve.types[id];
    let name = camel(wit.name.as_deref().expect("an interface's types are named"));
    write_docs(&wit.docs, out);
    match &wit.kind {
        TypeDefKind::Record(record) => {
            out.line(derives(plan, id, &[]));
            out.line(format!("pub struct {name} {{"));
            for field in &record.fields {
                write_docs(&field.docs, out);
                let ty = owned(plan, field.ty, scope);
                out.line(format!("pub {}: {ty},", snake(&field.name)));
            }
            out.line("}");
        }
        TypeDefKind::Variant(variant) => {
            out.line(derives(plan, id, &[]));
            out.line(format!("pub enum {name} {{"));
            for case in &variant.cases {
                write_docs(&case.docs, out);
                let payload = case.ty.map(|ty| format!("({})", owned(plan, ty, scope)));
                out.line(format!("{}{},", camel(&case.name), payload.unwrap_or_default()));
            }
            out.line("}");
        }
        TypeDefKind::Enum(cases) => {
            out.line(derives(plan, id, &["Copy"]));
            out.line(format!("pub enum {name} {{"));
            for case in &cases.cases {
                write_docs(&case.docs, out);
                out.line(format!("{},", camel(&case.name)));
            }
            out.line("}");
        }
        TypeDefKind::Flags(flags) => {
            out.line(derives(plan, id, &["Copy", "Default"]));
            out.line(format!("pub struct {name} {{"));
            for flag in &flags.flags {
                write_docs(&flag.docs, out);
                out.line(format!("pub {}: bool,", snake(&flag.name)));
            }
            out.line("}");
        }
        _ => out.line(format!("pub type {name} = {};", definition(plan, id, scope))),
    }
}

fn write_docs(docs: &Docs, out: &mut Output) {
    if let Some(docs) = &docs.contents {
        out.docs(docs);
    }
}

fn derives(plan: &Plan, id: TypeId, more: &[&str]) -> String {
    let mut derives = vec!["Debug", "Clone"];
    derives.extend(more);
    derives.push("PartialEq");
    if !has_float(&plan.resolve, Type::Id(id)) {
        derives.push("Eq");
    }
    for derive in &plan.additional_derives {
        if !derives.contains(&derive.as_str()) {
            derives.push(derive);
        }
    }
    format!("#[derive({})]", derives.join(", "))
}

/// Whether a value of the type can hold a float, which is not `Eq`.
fn has_float(resolve: &Resolve, ty: Type) -> bool {
    let id = match ty {
        Type::F32 | Type::F64 => return true,
        Type::Id(id) => id,
        _ => return false,
    };
    let has = |ty: &Type| has_float(resolve, *ty);
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => record.fields.iter().any(|field| has(&field.ty)),
        TypeDefKind::Variant(variant) => {
            variant.cases.iter().filter_map(|case| case.ty.as_ref()).any(has)
        }
        TypeDefKind::Tuple(tuple) => tuple.types.iter().any(has),
        TypeDefKind::Option(ty) | TypeDefKind::List(ty) | TypeDefKind::Type(ty) => has(ty),
        TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).any(has),
        _ => false,
    }
}
