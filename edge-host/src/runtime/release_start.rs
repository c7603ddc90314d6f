//! Gives back the memory that only the start needed: pages of code.
//!
//! A start runs through much code that serving never runs again: the command line, the
//! configuration, the loader of modules; and the kernel maps sixteen pages for each that it needs.
//! Debian's WasmEdge links LLVM besides, whose start-up code touches 36 MiB. Pages of code are as
//! they are in the file, so the process may let go of them: what is needed again is mapped again,
//! from the kernel's cache, in a microsecond a page.

#![allow(unsafe_code)] // tells the kernel about mapped pages

use std::ffi::{c_int, c_void};

/// Lets go of the code and constants of the program and its libraries. To be called once serving
/// has begun.
pub fn release_start() {
    // SAFETY: `release` gets what it expects.
    unsafe { libc::dl_iterate_phdr(Some(release), std::ptr::null_mut()) };
}

unsafe extern "C" fn release(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut c_void,
) -> c_int {
    // SAFETY: `dl_iterate_phdr` lends a filled object with as many headers as it says. The pages
    // dropped were never writable, so the file still has them.
    unsafe {
        let object = &*object;
        let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
        let page = libc::sysconf(libc::_SC_PAGESIZE).cast_unsigned();
        let constant = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0);
        for header in constant {
            let start = (object.dlpi_addr + header.p_vaddr) & !(page - 1);
            let end = object.dlpi_addr + header.p_vaddr + header.p_memsz;
            let length = usize::try_from(end - start).unwrap_or(0);
            // A refusal leaves everything as it is.
            libc::madvise(start as *mut c_void, length, libc::MADV_DONTNEED);
        }
        0
    }
}
