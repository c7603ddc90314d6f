//! `Abi`, `Lower` and `Lift` for each type a world defines.

use wit_parser::{Enum, Flags, Int, Record, Type, TypeDefKind, TypeId};

use super::layouts::{align, field_offsets, flat, payload_offset, size, tag_type};
use super::names::{camel, snake};
use super::output::Output;
use super::plan::Plan;
use super::type_names::{Scope, path};

pub(crate) fn write(plan: &Plan, out: &mut Output) {
    for module in &plan.modules {
        for id in &module.types {
            write_impls(plan, *id, out);
        }
    }
}

fn write_impls(plan: &Plan, id: TypeId, out: &mut Output) {
    let wit = &plan.resolve.types[id];
    let name = Named {
        rust: path(plan, id, Scope::Top),
        wit: wit.name.clone().expect("an interface's types are named"),
    };
    match &wit.kind {
        TypeDefKind::Record(record) => {
            write_abi(plan, &name, id, out);
            write_record(plan, &name, record, out);
        }
        TypeDefKind::Variant(variant) => {
            let cases: Vec<Case> = variant
                .cases
                .iter()
                .map(|case| Case { name: case.name.clone(), payload: case.ty.is_some() })
                .collect();
            let payloads = variant.cases.iter().map(|case| case.ty.as_ref());
            let payload_at = payload_offset(plan, variant.tag(), payloads);
            write_abi(plan, &name, id, out);
            write_variant(&name, variant.tag(), &cases, payload_at, out);
        }
        TypeDefKind::Enum(cases) => {
            write_abi(plan, &name, id, out);
            write_enum(&name, cases, out);
        }
        TypeDefKind::Flags(flags) => {
            write_abi(plan, &name, id, out);
            write_flags(&name, flags, out);
        }
        _ => {}
    }
}

struct Named {
    rust: String,
    wit: String,
}

struct Case {
    name: String,
    payload: bool,
}

fn write_abi(plan: &Plan, name: &Named, id: TypeId, out: &mut Output) {
    let ty = Type::Id(id);
    out.blank();
    out.line(format!("impl rt::Abi for {} {{", name.rust));
    out.line(format!("const SIZE: usize = {};", size(plan, ty)));
    out.line(format!("const ALIGN: usize = {};", align(plan, ty)));
    match flat(plan, ty) {
        None => out.line("const FLAT: rt::FlatTypes = rt::FlatTypes::TOO_MANY;"),
        Some(types) => {
            out.list("const FLAT: rt::FlatTypes = rt::FlatTypes::of(&[", &types, "]);");
        }
    }
    out.line("}");
}

/// A function of the traits, without its body.
struct Head {
    start: &'static str,
    params: &'static [&'static str],
    end: &'static str,
}

const STORE: Head = Head {
    start: "fn store<M: rt::GuestMemory + ?Sized>(",
    params: &["&self", "memory: &mut M", "at: usize"],
    end: ") -> Result<(), rt::CallError> {",
};
const LOWER: Head = Head {
    start: "fn lower<M: rt::GuestMemory + ?Sized>(",
    params: &["&self", "memory: &mut M", "flat: &mut rt::FlatWriter"],
    end: ") -> Result<(), rt::CallError> {",
};
const LOAD: Head = Head {
    start: "fn load(",
    params: &["source: &mut rt::Source<'_>", "at: usize"],
    end: ") -> Result<Self, rt::AbiError> {",
};
const LIFT: Head = Head {
    start: "fn lift(",
    params: &["source: &mut rt::Source<'_>", "flat: &mut rt::FlatReader<'_>"],
    end: ") -> Result<Self, rt::AbiError> {",
};

/// One function of an impl, whose body `body` writes.
fn function(out: &mut Output, head: &Head, body: impl FnOnce(&mut Output)) {
    out.blank();
    out.line("#[inline]");
    out.list(head.start, head.params, head.end);
    body(out);
    out.line("}");
}

fn write_record(plan: &Plan, name: &Named, record: &Record, out: &mut Output) {
    let offsets = field_offsets(plan, record.fields.iter().map(|field| &field.ty));
    let fields: Vec<(String, usize, String)> = record
        .fields
        .iter()
        .zip(offsets)
        .map(|(field, at)| (snake(&field.name), at, format!("{}.{}", name.wit, field.name)))
        .collect();
    out.blank();
    out.line(format!("impl rt::Lower for {} {{", name.rust));
    function(out, &STORE, |out| {
        for (field, at, _) in &fields {
            out.line(format!("rt::Lower::store(&self.{field}, memory, {})?;", plus(*at)));
        }
        out.line("Ok(())");
    });
    function(out, &LOWER, |out| {
        for (field, ..) in &fields {
            out.line(format!("rt::Lower::lower(&self.{field}, memory, flat)?;"));
        }
        out.line("Ok(())");
    });
    out.line("}");
    out.blank();
    out.line(format!("impl rt::Lift for {} {{", name.rust));
    function(out, &LOAD, |out| {
        out.line("Ok(Self {");
        for (field, at, place) in &fields {
            let load = format!("rt::Lift::load(source, {})", plus(*at));
            write_within(&format!("{field}: "), &load, place, "?,", out);
        }
        out.line("})");
    });
    function(out, &LIFT, |out| {
        out.line("Ok(Self {");
        for (field, _, place) in &fields {
            let lift = "rt::Lift::lift(source, flat)";
            write_within(&format!("{field}: "), lift, place, "?,", out);
        }
        out.line("})");
    });
    out.line("}");
}

fn write_variant(name: &Named, tag: Int, cases: &[Case], payload_at: usize, out: &mut Output) {
    let tag = tag_type(tag);
    let payload_at = plus(payload_at);
    out.blank();
    out.line(format!("impl rt::Lower for {} {{", name.rust));
    function(out, &STORE, |out| {
        out.line("match self {");
        for (index, case) in cases.iter().enumerate() {
            let rust = camel(&case.name);
            let tag = format!("rt::Lower::store(&{index}_{tag}, memory, at)");
            if case.payload {
                out.line(format!("Self::{rust}(payload) => {{"));
                out.line(format!("{tag}?;"));
                out.line(format!("rt::Lower::store(payload, memory, {payload_at})"));
                out.line("}");
            } else {
                out.line(format!("Self::{rust} => {tag},"));
            }
        }
        out.line("}");
    });
    function(out, &LOWER, |out| {
        out.line("let start = flat.count();");
        out.line("match self {");
        for (index, case) in cases.iter().enumerate() {
            let rust = camel(&case.name);
            let push = format!("flat.push(rt::CoreValue::I32({index}))");
            if case.payload {
                out.line(format!("Self::{rust}(payload) => {{"));
                out.line(format!("{push};"));
                out.line("rt::Lower::lower(payload, memory, flat)?;");
                out.line("}");
            } else {
                out.line(format!("Self::{rust} => {push},"));
            }
        }
        out.line("}");
        out.line("flat.widen(start, &<Self as rt::Abi>::FLAT);");
        out.line("Ok(())");
    });
    out.line("}");
    write_variant_lift(name, tag, cases, &payload_at, out);
}

fn write_variant_lift(name: &Named, tag: &str, cases: &[Case], payload_at: &str, out: &mut Output) {
    let arms = |out: &mut Output, payload: &str| {
        for (index, case) in cases.iter().enumerate() {
            let rust = camel(&case.name);
            if case.payload {
                let place = format!("{}.{}", name.wit, case.name);
                write_within(&format!("{index} => Self::{rust}("), payload, &place, "?),", out);
            } else {
                out.line(format!("{index} => Self::{rust},"));
            }
        }
        let error = format!("rt::AbiError::bad_discriminant(other, {})", cases.len());
        write_within("other => return ", &format!("Err({error})"), &name.wit, ",", out);
    };
    out.blank();
    out.line(format!("impl rt::Lift for {} {{", name.rust));
    function(out, &LOAD, |out| {
        out.line(format!("Ok(match u32::from(<{tag} as rt::Lift>::load(source, at)?) {{"));
        arms(out, &format!("rt::Lift::load(source, {payload_at})"));
        out.line("})");
    });
    function(out, &LIFT, |out| {
        out.line("let end = flat.end_of(&<Self as rt::Abi>::FLAT);");
        out.line("let value = match flat.u32()? {");
        arms(out, "rt::Lift::lift(source, flat)");
        out.line("};");
        out.line("flat.skip_to(end);");
        out.line("Ok(value)");
    });
    out.line("}");
}

fn write_enum(name: &Named, cases: &Enum, out: &mut Output) {
    let tag = tag_type(cases.tag());
    out.blank();
    out.line(format!("impl rt::Lower for {} {{", name.rust));
    function(out, &STORE, |out| {
        out.line(format!("rt::Lower::store(&(*self as {tag}), memory, at)"));
    });
    function(out, &LOWER, |out| {
        out.line("let _ = memory;");
        out.line("flat.push(rt::CoreValue::I32(*self as i32));");
        out.line("Ok(())");
    });
    out.line("}");
    out.blank();
    out.line(format!("impl {} {{", name.rust));
    out.line("fn from_discriminant(discriminant: u32) -> Result<Self, rt::AbiError> {");
    out.line("Ok(match discriminant {");
    for (index, case) in cases.cases.iter().enumerate() {
        out.line(format!("{index} => Self::{},", camel(&case.name)));
    }
    let count = cases.cases.len();
    let error = format!("Err(rt::AbiError::bad_discriminant(other, {count}))");
    write_within("other => return ", &error, &name.wit, ",", out);
    out.line("})");
    out.line("}");
    out.line("}");
    out.blank();
    out.line(format!("impl rt::Lift for {} {{", name.rust));
    function(out, &LOAD, |out| {
        out.line(format!("Self::from_discriminant(<{tag} as rt::Lift>::load(source, at)?.into())"));
    });
    function(out, &LIFT, |out| {
        out.line("let _ = source;");
        out.line("Self::from_discriminant(flat.u32()?)");
    });
    out.line("}");
}

fn write_flags(name: &Named, flags: &Flags, out: &mut Output) {
    let names: Vec<String> = flags.flags.iter().map(|flag| snake(&flag.name)).collect();
    let fields: Vec<String> = names.iter().map(|name| format!("self.{name}")).collect();
    out.blank();
    out.line(format!("impl {} {{", name.rust));
    out.line(format!("fn to_bits(self) -> [bool; {}] {{", names.len()));
    out.list("[", &fields, "]");
    out.line("}");
    out.blank();
    out.line(format!("fn from_bits(bits: [bool; {}]) -> Self {{", names.len()));
    out.list("let [", &names, "] = bits;");
    out.list("Self {", &names, "}");
    out.line("}");
    out.line("}");
    out.blank();
    out.line(format!("impl rt::Lower for {} {{", name.rust));
    function(out, &STORE, |out| {
        out.line("rt::store_flags(&self.to_bits(), memory, at)");
    });
    function(out, &LOWER, |out| {
        out.line("let _ = memory;");
        out.line("rt::lower_flags(&self.to_bits(), flat);");
        out.line("Ok(())");
    });
    out.line("}");
    out.blank();
    out.line(format!("impl rt::Lift for {} {{", name.rust));
    function(out, &LOAD, |out| {
        out.line("rt::load_flags(source, at).map(Self::from_bits)");
    });
    function(out, &LIFT, |out| {
        out.line("let _ = source;");
        out.line("rt::lift_flags(flat).map(Self::from_bits)");
    });
    out.line("}");
}

/// `result`, whose error gets a place.
fn write_within(before: &str, result: &str, place: &str, after: &str, out: &mut Output) {
    out.chain(&format!("{before}{result}"), &format!(".within({place:?}){after}"));
}

fn plus(offset: usize) -> String {
    if offset == 0 { "at".to_owned() } else { format!("at + {offset}") }
}
