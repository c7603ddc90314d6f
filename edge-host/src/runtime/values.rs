//! WasmEdge's values, types and names, to and from the glue's.

#![allow(unsafe_code)] // the C API

use wit_bindgen_wasmedge::rt::{CoreType, CoreValue, Signature};

use super::ffi;

/// The most parameters or results a core function of the canonical ABI has.
pub(super) const FLAT_MAX: usize = 17;

/// A place for a value that WasmEdge will write.
pub(super) const EMPTY: ffi::WasmEdge_Value =
    ffi::WasmEdge_Value { Value: 0, Type: ffi::WasmEdge_ValType { Data: [0; 8] } };

/// A name, lent for the time of one call.
pub(super) fn wrap(name: &str) -> ffi::WasmEdge_String {
    let length = u32::try_from(name.len()).expect("names are short");
    // SAFETY: WasmEdge copies the name before the borrow ends.
    unsafe { ffi::WasmEdge_StringWrap(name.as_ptr().cast(), length) }
}

/// # Safety
/// The caller deletes the type.
pub(super) unsafe fn function_type(
    signature: &Signature,
) -> *mut ffi::WasmEdge_FunctionTypeContext {
    let raw = |types: &[CoreType]| types.iter().copied().map(raw_type).collect::<Vec<_>>();
    let (params, results) = (raw(signature.params), raw(signature.results));
    let length = |types: &Vec<_>| u32::try_from(types.len()).expect("at most FLAT_MAX");
    // SAFETY: both lists are copied.
    unsafe {
        ffi::WasmEdge_FunctionTypeCreate(
            params.as_ptr(),
            length(&params),
            results.as_ptr(),
            length(&results),
        )
    }
}

fn raw_type(kind: CoreType) -> ffi::WasmEdge_ValType {
    // SAFETY: no arguments, plain values.
    unsafe {
        match kind {
            CoreType::I32 => ffi::WasmEdge_ValTypeGenI32(),
            CoreType::I64 => ffi::WasmEdge_ValTypeGenI64(),
            CoreType::F32 => ffi::WasmEdge_ValTypeGenF32(),
            CoreType::F64 => ffi::WasmEdge_ValTypeGenF64(),
        }
    }
}

pub(super) fn to_raw(value: CoreValue) -> ffi::WasmEdge_Value {
    // SAFETY: plain values in and out.
    unsafe {
        match value {
            CoreValue::I32(value) => ffi::WasmEdge_ValueGenI32(value),
            CoreValue::I64(value) => ffi::WasmEdge_ValueGenI64(value),
            CoreValue::F32(value) => ffi::WasmEdge_ValueGenF32(value),
            CoreValue::F64(value) => ffi::WasmEdge_ValueGenF64(value),
        }
    }
}

pub(super) fn from_raw(value: ffi::WasmEdge_Value, kind: CoreType) -> CoreValue {
    // SAFETY: plain values; the type is the function's, which WasmEdge has checked.
    unsafe {
        match kind {
            CoreType::I32 => CoreValue::I32(ffi::WasmEdge_ValueGetI32(value)),
            CoreType::I64 => CoreValue::I64(ffi::WasmEdge_ValueGetI64(value)),
            CoreType::F32 => CoreValue::F32(ffi::WasmEdge_ValueGetF32(value)),
            CoreType::F64 => CoreValue::F64(ffi::WasmEdge_ValueGetF64(value)),
        }
    }
}
