//! An instance's memory and allocator, and the one way to call into it.

#![allow(unsafe_code)] // the C API, and a slice over the guest's memory

use std::ptr::{self, NonNull};

use wit_bindgen_wasmedge::rt::{CoreType, CoreValue, GuestMemory, Trap};

use super::{
    ffi,
    module::check,
    values::{EMPTY, FLAT_MAX, from_raw, to_raw, wrap},
};

/// Bytes of a page of linear memory.
const PAGE_BYTES: usize = 65_536;

/// The instance's memory and allocator.
#[derive(Clone, Copy)]
pub(super) struct Memory {
    executor: NonNull<ffi::WasmEdge_ExecutorContext>,
    memory: NonNull<ffi::WasmEdge_MemoryInstanceContext>,
    realloc: NonNull<ffi::WasmEdge_FunctionInstanceContext>,
    /// Where the memory begins and how long it is, as of the last time guest code ran.
    start: *mut u8,
    length: usize,
}

impl Memory {
    /// # Safety
    /// `instance` is live.
    pub(super) unsafe fn of(
        executor: NonNull<ffi::WasmEdge_ExecutorContext>,
        instance: NonNull<ffi::WasmEdge_ModuleInstanceContext>,
    ) -> Option<Self> {
        // SAFETY: the caller's; the names are wrapped, not kept.
        unsafe {
            let memory = NonNull::new(ffi::WasmEdge_ModuleInstanceFindMemory(
                instance.as_ptr(),
                wrap("memory"),
            ))?;
            let realloc = NonNull::new(ffi::WasmEdge_ModuleInstanceFindFunction(
                instance.as_ptr(),
                wrap("cabi_realloc"),
            ))?;
            let mut found = Self { executor, memory, realloc, start: ptr::null_mut(), length: 0 };
            found.refresh();
            Some(found)
        }
    }

    /// Looks where the memory is. To be called after guest code ran, which may have grown it.
    pub(super) fn refresh(&mut self) {
        // SAFETY: the memory lives as long as the instance.
        unsafe {
            let pages = ffi::WasmEdge_MemoryInstanceGetPageSize(self.memory.as_ptr()) as usize;
            self.start = ffi::WasmEdge_MemoryInstanceGetPointer(self.memory.as_ptr(), 0, 0);
            self.length = if self.start.is_null() { 0 } else { pages * PAGE_BYTES };
        }
    }

    pub(super) fn invoke(
        &mut self,
        function: NonNull<ffi::WasmEdge_FunctionInstanceContext>,
        params: &[CoreValue],
        types: &[CoreType],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        if params.len() > FLAT_MAX || types.len() > FLAT_MAX || results.len() != types.len() {
            return Err(Trap::new("more parameters or results than the canonical ABI has"));
        }
        let mut raw_params = [EMPTY; FLAT_MAX];
        for (raw, value) in raw_params.iter_mut().zip(params) {
            *raw = to_raw(*value);
        }
        let mut raw_results = [EMPTY; FLAT_MAX];
        let raw_results = &mut raw_results[..results.len()];
        self.invoke_raw(function, &raw_params[..params.len()], raw_results)?;
        for ((result, raw), kind) in results.iter_mut().zip(raw_results).zip(types) {
            *result = from_raw(*raw, *kind);
        }
        Ok(())
    }

    fn invoke_raw(
        &mut self,
        function: NonNull<ffi::WasmEdge_FunctionInstanceContext>,
        params: &[ffi::WasmEdge_Value],
        results: &mut [ffi::WasmEdge_Value],
    ) -> Result<(), Trap> {
        let length = |values: &[_]| u32::try_from(values.len()).expect("at most FLAT_MAX");
        // SAFETY: executor and function live as long as the instance; the buffers hold as many
        // values as their lengths say. WasmEdge checks the number and types of parameters.
        let answer = unsafe {
            ffi::WasmEdge_ExecutorInvoke(
                self.executor.as_ptr(),
                function.as_ptr(),
                params.as_ptr(),
                length(params),
                results.as_mut_ptr(),
                length(results),
            )
        };
        self.refresh();
        check(answer).map_err(Trap::new)
    }
}

impl GuestMemory for Memory {
    fn bytes(&mut self) -> &mut [u8] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: WasmEdge maps all pages of the memory, which lives as long as the instance; no
        // guest code has run since `refresh`, and none runs while the borrow of `self` lasts.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        let int = |value: u32| to_raw(CoreValue::I32(value.cast_signed()));
        let mut results = [EMPTY];
        let realloc = self.realloc;
        self.invoke_raw(realloc, &[int(0), int(0), int(align), int(size)], &mut results)?;
        match from_raw(results[0], CoreType::I32) {
            CoreValue::I32(pointer) => Ok(pointer.cast_unsigned()),
            _ => Err(Trap::new("cabi_realloc answered no i32")),
        }
    }
}
