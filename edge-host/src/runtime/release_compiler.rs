//! Gives back the memory that loading the compiler took.
//!
//! Debian's WasmEdge links LLVM, which is only needed to compile; yet its start-up code touches
//! 36 MiB of its text, more than the rest of the host has. Pages of code are as they are in the
//! file, so the kernel may drop them: whoever needs one again reads it again.

#![allow(unsafe_code)] // asks the kernel about another library's pages

use std::ffi::{CStr, c_int, c_void};

/// Which of the process's shared objects is the compiler.
const LIBRARY: &[u8] = b"libLLVM";

/// Drops the compiler's pages from this process. To be called when serving has begun.
pub fn release_compiler() {
    // SAFETY: `release` gets what it expects.
    unsafe { libc::dl_iterate_phdr(Some(release), std::ptr::null_mut()) };
}

unsafe extern "C" fn release(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: `dl_iterate_phdr` lends a filled object with a NUL-terminated name and as many
    // headers as it says. The pages dropped were never writable, so the file still has them.
    unsafe {
        let object = &*object;
        let name = CStr::from_ptr(object.dlpi_name).to_bytes();
        if !name.windows(LIBRARY.len()).any(|part| part == LIBRARY) {
            return 0;
        }
        let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
        let page = libc::sysconf(libc::_SC_PAGESIZE).cast_unsigned();
        let code = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0);
        for header in code {
            let start = (object.dlpi_addr + header.p_vaddr) & !(page - 1);
            let end = object.dlpi_addr + header.p_vaddr + header.p_memsz;
            let length = usize::try_from(end - start).unwrap_or(0);
            // A refusal leaves everything as it is.
            libc::madvise(start as *mut c_void, length, libc::MADV_DONTNEED);
        }
        1
    }
}
