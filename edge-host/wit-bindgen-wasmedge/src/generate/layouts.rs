//! Layouts and core signatures, as wit-parser computes them.

use wit_parser::abi::{AbiVariant, FlatTypes, WasmType};
use wit_parser::{Function, Int, Type, TypeDefKind};

use super::plan::Plan;
use super::type_names::resolved;
use crate::rt::FLAT_PARAMS_MAX;

/// A type's bytes in memory.
pub(crate) fn size(plan: &Plan, ty: Type) -> usize {
    plan.sizes.size(&ty).size_wasm32()
}

/// What a type's address is a multiple of.
pub(crate) fn align(plan: &Plan, ty: Type) -> usize {
    plan.sizes.align(&ty).align_wasm32()
}

/// A type's core types, where they are few enough to travel flat.
pub(crate) fn flat(plan: &Plan, ty: Type) -> Option<Vec<String>> {
    let mut storage = [WasmType::I32; FLAT_PARAMS_MAX];
    let mut flat = FlatTypes::new(&mut storage);
    plan.resolve.push_flat(&ty, &mut flat).then(|| core_types(&flat.to_vec()))
}

/// Where a record's fields lie.
pub(crate) fn field_offsets<'a>(
    plan: &Plan,
    fields: impl IntoIterator<Item = &'a Type>,
) -> Vec<usize> {
    plan.sizes.field_offsets(fields).into_iter().map(|(at, _)| at.size_wasm32()).collect()
}

/// Where a variant's payload lies.
pub(crate) fn payload_offset<'a>(
    plan: &Plan,
    tag: Int,
    cases: impl IntoIterator<Item = Option<&'a Type>>,
) -> usize {
    plan.sizes.payload_offset(tag, cases).size_wasm32()
}

/// The unsigned integer type that holds a discriminant.
pub(crate) fn tag_type(tag: Int) -> &'static str {
    match tag {
        Int::U8 => "u8",
        Int::U16 => "u16",
        Int::U32 | Int::U64 => "u32",
    }
}

/// The core types of a function, parameters and results.
pub(crate) fn signature(
    plan: &Plan,
    variant: AbiVariant,
    function: &Function,
) -> (Vec<String>, Vec<String>) {
    let signature = plan.resolve.wasm_signature(variant, function);
    (core_types(&signature.params), core_types(&signature.results))
}

/// Whether giving an export its arguments needs room in the guest's memory.
pub(crate) fn arguments_allocate(plan: &Plan, function: &Function) -> bool {
    plan.resolve.wasm_signature(AbiVariant::GuestExport, function).indirect_params
        || function.params.iter().any(|param| points(plan, param.ty))
}

/// Whether giving an import's result needs room in the guest's memory, beyond the return area.
pub(crate) fn result_allocates(plan: &Plan, function: &Function) -> bool {
    function.result.is_some_and(|ty| points(plan, ty))
}

/// Whether a value of the type can point to bytes elsewhere in memory.
fn points(plan: &Plan, ty: Type) -> bool {
    let id = match resolved(&plan.resolve, ty) {
        Type::String => return true,
        Type::Id(id) => id,
        _ => return false,
    };
    let points = |ty: &Type| points(plan, *ty);
    match &plan.resolve.types[id].kind {
        TypeDefKind::List(_) => true,
        TypeDefKind::Record(record) => record.fields.iter().any(|field| points(&field.ty)),
        TypeDefKind::Variant(variant) => {
            variant.cases.iter().filter_map(|case| case.ty.as_ref()).any(points)
        }
        TypeDefKind::Tuple(tuple) => tuple.types.iter().any(points),
        TypeDefKind::Option(ty) => points(ty),
        TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).any(points),
        _ => false,
    }
}

/// As Rust expressions. In 32-bit memories, pointers and lengths are `i32`.
pub(crate) fn core_types(types: &[WasmType]) -> Vec<String> {
    let name = |ty: &WasmType| match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "I32",
        WasmType::I64 | WasmType::PointerOrI64 => "I64",
        WasmType::F32 => "F32",
        WasmType::F64 => "F64",
    };
    types.iter().map(|ty| format!("rt::CoreType::{}", name(ty))).collect()
}
