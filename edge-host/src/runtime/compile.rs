//! Ahead-of-time compilation, meant for a process of its own: `edge-host compile-guest`.

#![allow(unsafe_code)] // the C API

use std::{ffi::CString, fs, path::Path};

use super::{
    Error,
    binary::{digest_of, stamp, strip},
    ffi,
    module::{Configure, check},
};

/// The version of the WasmEdge library in use, such as `0.14.1`.
pub fn version() -> String {
    // SAFETY: a static NUL-terminated string.
    let text = unsafe { std::ffi::CStr::from_ptr(ffi::WasmEdge_VersionGet()) };
    text.to_string_lossy().into_owned()
}

/// Compiles the module in `path` for every machine of this architecture, and writes it with our
/// stamp to `out`, which appears whole or not at all.
pub fn compile_to(path: &Path, out: &Path) -> Result<(), Error> {
    let file = |path: &Path| {
        let path = path.to_owned();
        |source| Error::File { path, source }
    };
    let plain = strip(&fs::read(path).map_err(file(path))?)?;
    if let Some(directory) = out.parent() {
        fs::create_dir_all(directory).map_err(file(directory))?;
    }
    let partial = out.with_extension(format!("partial-{}", std::process::id()));
    let made = compile(&plain, &partial).and_then(|()| {
        let aot = fs::read(&partial).map_err(file(&partial))?;
        fs::write(&partial, stamp(aot, &digest_of(&plain))).map_err(file(&partial))?;
        fs::rename(&partial, out).map_err(file(out))
    });
    if made.is_err() {
        // It may never have been made; what counts is the first error.
        let _ = fs::remove_file(&partial);
    }
    made
}

fn compile(plain: &[u8], out: &Path) -> Result<(), Error> {
    let path = CString::new(out.as_os_str().as_encoded_bytes())
        .map_err(|_| Error::Compile("the path holds a NUL byte".to_owned()))?;
    let configure = Configure::new()?;
    // WasmEdge tells its progress on stdout; an error comes back as one.
    // SAFETY: no arguments; sets a process-wide level.
    unsafe { ffi::WasmEdge_LogOff() };
    // SAFETY: each context is checked, used while `configure` lives, and deleted once.
    unsafe {
        // Level 3 by measurement; level 1 crashes the compiler on big modules.
        ffi::WasmEdge_ConfigureCompilerSetOptimizationLevel(
            configure.as_ptr(),
            ffi::WasmEdge_CompilerOptimizationLevel_O3,
        );
        ffi::WasmEdge_ConfigureCompilerSetOutputFormat(
            configure.as_ptr(),
            ffi::WasmEdge_CompilerOutputFormat_Wasm,
        );
        // A node of the fleet must not meet instructions that only the build machine has.
        ffi::WasmEdge_ConfigureCompilerSetGenericBinary(configure.as_ptr(), true);
        let compiler = ffi::WasmEdge_CompilerCreate(configure.as_ptr());
        if compiler.is_null() {
            return Err(Error::Compile("this WasmEdge has no compiler".to_owned()));
        }
        let answer = ffi::WasmEdge_CompilerCompileFromBuffer(
            compiler,
            plain.as_ptr(),
            plain.len() as u64,
            path.as_ptr(),
        );
        ffi::WasmEdge_CompilerDelete(compiler);
        check(answer).map_err(Error::Compile)
    }
}
