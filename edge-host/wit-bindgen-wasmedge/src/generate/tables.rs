//! `IMPORTS` and `EXPORTS`: what a guest is checked against before it runs.

use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Function, LiftLowerAbi, ManglingAndAbi, WasmExport, WasmExportKind, WasmImport, WorldKey,
};

use super::layouts::{arguments_allocate, core_types, result_allocates, signature};
use super::output::Output;
use super::plan::Plan;
use super::type_names::wit_function;

const MANGLING: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);

/// Each export's `cabi_post_…` comes right after it.
pub(crate) const ENTRIES_PER_EXPORT: usize = 2;

struct Entry {
    module: String,
    name: String,
    params: Vec<String>,
    results: Vec<String>,
    wit: String,
    presence: &'static str,
}

pub(crate) fn write(plan: &Plan, out: &mut Output) {
    out.blank();
    out.docs("What a guest of this world may import.");
    write_table("IMPORTS", &imports(plan), out);
    out.blank();
    out.docs(
        "What a guest of this world exports. Each function's `cabi_post_…`, which frees what its\n\
         result points to, comes right after it and may be absent.",
    );
    write_table("EXPORTS", &exports(plan), out);
}

fn imports(plan: &Plan) -> Vec<Entry> {
    let mut entries = Vec::new();
    for imported in &plan.imports {
        for function in &imported.functions {
            let import = WasmImport::Func { interface: imported.key.as_ref(), func: function };
            let (module, name) = plan.resolve.wasm_import_name(MANGLING, import);
            let (params, results) = signature(plan, AbiVariant::GuestImport, function);
            let wit = format!("{} {}", imported.wit, wit_function(&plan.resolve, function));
            entries.push(Entry { module, name, params, results, wit, presence: "Optional" });
        }
    }
    entries
}

fn exports(plan: &Plan) -> Vec<Entry> {
    let mut entries = Vec::new();
    for exported in &plan.exports {
        let (params, results) = signature(plan, AbiVariant::GuestExport, &exported.function);
        let wit = format!("{} {}", exported.wit, wit_function(&plan.resolve, &exported.function));
        let name = |kind| export_name(plan, exported.key.as_ref(), &exported.function, kind);
        entries.push(Entry {
            module: String::new(),
            name: name(WasmExportKind::Normal),
            params,
            results: results.clone(),
            wit: wit.clone(),
            presence: "Required",
        });
        entries.push(Entry {
            module: String::new(),
            name: name(WasmExportKind::PostReturn),
            params: results,
            results: Vec::new(),
            wit: format!("post-return of {wit}"),
            presence: "Optional",
        });
    }
    entries.push(realloc(plan));
    entries
}

fn realloc(plan: &Plan) -> Entry {
    let mut imported = plan.imports.iter().flat_map(|imported| &imported.functions);
    let needed = plan.exports.iter().any(|exported| arguments_allocate(plan, &exported.function))
        || imported.any(|function| result_allocates(plan, function));
    Entry {
        module: String::new(),
        name: plan.resolve.wasm_export_name(MANGLING, WasmExport::Realloc),
        params: core_types(&[WasmType::I32; 4]),
        results: core_types(&[WasmType::I32]),
        wit: "cabi_realloc: func(old-pointer, old-size, align, new-size) -> pointer".to_owned(),
        presence: if needed { "Required" } else { "Optional" },
    }
}

fn export_name(
    plan: &Plan,
    interface: Option<&WorldKey>,
    func: &Function,
    kind: WasmExportKind,
) -> String {
    plan.resolve.wasm_export_name(MANGLING, WasmExport::Func { interface, func, kind })
}

fn write_table(name: &str, entries: &[Entry], out: &mut Output) {
    out.line(format!("pub const {name}: &[rt::Signature] = &["));
    for entry in entries {
        out.line("rt::Signature {");
        out.line(format!("module: {:?},", entry.module));
        out.line(format!("name: {:?},", entry.name));
        out.list("params: &[", &entry.params, "],");
        out.list("results: &[", &entry.results, "],");
        out.text("wit", &entry.wit);
        out.line(format!("presence: rt::Presence::{},", entry.presence));
        out.line("},");
    }
    out.line("];");
}
