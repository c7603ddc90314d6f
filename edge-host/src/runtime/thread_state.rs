//! What WasmEdge remembers of a thread, kept while a host function calls back into the guest.
//!
//! WasmEdge 0.14 sets the thread-local `Executor::CurrentStack` whenever AOT code is entered, and
//! never sets it back. After a host function has called `cabi_realloc` it points at the stack of
//! that finished call, and the next thing the guest's AOT code asks of WasmEdge (an import, an
//! indirect call, `memory.grow`, `memory.fill`) works on freed memory: a crash at best, which is
//! reported as "out of bounds memory access". Versions from 0.15 restore it themselves. Here the
//! library's whole block of the thread's local storage, about a kilobyte, is put back.

#![allow(unsafe_code)] // reads and writes another library's thread-local storage

use std::{
    ffi::{CStr, c_int, c_void},
    ptr,
};

use super::Error;

/// Which of the process's shared objects is WasmEdge.
const LIBRARY: &[u8] = b"libwasmedge.so";
/// More than any WasmEdge has, in bytes; 0.14.1 has 1,088.
const BLOCK_BYTES_MAX: usize = 2_048;

/// WasmEdge's block of one thread's local storage. Belongs to the thread that made it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ThreadState {
    start: *mut u8,
    length: usize,
}

impl ThreadState {
    /// Finds the calling thread's block.
    pub(super) fn of_this_thread() -> Result<Self, Error> {
        let mut found = Self { start: ptr::null_mut(), length: 0 };
        // SAFETY: `look_at` gets what it expects, and `found` outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(look_at), (&raw mut found).cast()) };
        if found.start.is_null() || found.length > BLOCK_BYTES_MAX {
            return Err(Error::Engine("its thread-local storage is not where expected".to_owned()));
        }
        Ok(found)
    }

    /// Runs `call`, and then brings back what WasmEdge remembered before it.
    pub(super) fn keep<T>(self, call: impl FnOnce() -> T) -> T {
        let mut before = [0_u8; BLOCK_BYTES_MAX];
        // SAFETY: the block is this thread's and lives as long as the thread; its length is at
        // most the buffer's. WasmEdge does not run while either copy is made.
        unsafe { ptr::copy_nonoverlapping(self.start, before.as_mut_ptr(), self.length) };
        let answer = call();
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(before.as_ptr(), self.start, self.length) };
        answer
    }
}

/// Notes the block of the object that is WasmEdge, and ends the walk there.
unsafe extern "C" fn look_at(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    found: *mut c_void,
) -> c_int {
    // SAFETY: `dl_iterate_phdr` lends a filled object with a NUL-terminated name and as many
    // headers as it says; `found` is what `of_this_thread` passed.
    unsafe {
        let object = &*object;
        let name = CStr::from_ptr(object.dlpi_name).to_bytes();
        if !name.windows(LIBRARY.len()).any(|part| part == LIBRARY) {
            return 0;
        }
        let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
        let found = &mut *found.cast::<ThreadState>();
        if let Some(header) = headers.iter().find(|header| header.p_type == libc::PT_TLS) {
            found.start = object.dlpi_tls_data.cast();
            found.length = usize::try_from(header.p_memsz).unwrap_or(usize::MAX);
        }
        1
    }
}
