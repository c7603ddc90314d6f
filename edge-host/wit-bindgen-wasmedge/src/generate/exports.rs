//! The world's struct: one typed method for each function a guest exports.

use super::names::snake;
use super::output::Output;
use super::plan::{Exported, Plan};
use super::tables::ENTRIES_PER_EXPORT;
use super::type_names::{Scope, borrowed, owned};

pub(crate) fn write(plan: &Plan, out: &mut Output) {
    let world = &plan.resolve.worlds[plan.world];
    let name = &plan.world_type;
    out.blank();
    if let Some(docs) = &world.docs.contents {
        out.docs(docs);
        out.docs("\n");
        out.line("///");
    }
    out.docs(&format!("The typed exports of a guest of the world `{}`.", world.name));
    out.line("#[derive(Debug)]");
    out.line(format!("pub struct {name}<I> {{"));
    out.line("instance: I,");
    out.line("}");
    out.blank();
    out.line(format!("impl<I: rt::Instance> {name}<I> {{"));
    out.docs("Calls an instance of a module that was checked against [`EXPORTS`].");
    out.line("pub fn new(instance: I) -> Self {");
    out.line("Self { instance }");
    out.line("}");
    out.blank();
    out.docs("The instance.");
    out.line("pub fn instance_mut(&mut self) -> &mut I {");
    out.line("&mut self.instance");
    out.line("}");
    out.blank();
    out.docs("The instance, given back.");
    out.line("pub fn into_instance(self) -> I {");
    out.line("self.instance");
    out.line("}");
    for (index, exported) in plan.exports.iter().enumerate() {
        out.blank();
        write_method(plan, index * ENTRIES_PER_EXPORT, exported, out);
    }
    out.line("}");
    if !plan.exports.is_empty() {
        write_export_call(out);
    }
}

fn write_method(plan: &Plan, export: usize, exported: &Exported, out: &mut Output) {
    let function = &exported.function;
    if let Some(docs) = &function.docs.contents {
        out.docs(docs);
    }
    let mut params = vec!["&mut self".to_owned()];
    let mut arguments = Vec::new();
    for param in &function.params {
        let name = snake(&param.name);
        params.push(format!("{name}: {}", borrowed(plan, param.ty, Scope::Top)));
        arguments.push(name);
    }
    let result = function.result.map_or_else(|| "()".to_owned(), |ty| owned(plan, ty, Scope::Top));
    out.list(
        &format!("pub fn {}(", exported.method),
        &params,
        &format!(") -> Result<{result}, rt::CallError> {{"),
    );
    let tuple = match arguments.as_slice() {
        [only] => format!("({only},)"),
        all => format!("({})", all.join(", ")),
    };
    out.line(format!("rt::call_export(&mut self.instance, export_call({export}), &{tuple})"));
    out.line("}");
}

fn write_export_call(out: &mut Output) {
    out.blank();
    out.line("const fn export_call(export: usize) -> rt::ExportCall {");
    out.line("rt::ExportCall {");
    out.line("signature: &EXPORTS[export],");
    out.line("export,");
    out.line("post_return: export + 1,");
    out.line("lifted_bytes_max: LIFTED_BYTES_MAX,");
    out.line("}");
    out.line("}");
}
