//! Ahead-of-time compilation, meant for a process of its own: `edge-host compile-guest`.

#![allow(unsafe_code)] // the C API

use std::{
    ffi::CString,
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    Error, ffi,
    hollow::hollow,
    module::{Configure, check},
    stamp::{digest_of, stamp, stamp_object, strip},
};

/// The version of the WasmEdge library in use, such as `0.14.1`.
pub fn version() -> String {
    // SAFETY: a static NUL-terminated string.
    let text = unsafe { std::ffi::CStr::from_ptr(ffi::WasmEdge_VersionGet()) };
    text.to_string_lossy().into_owned()
}

/// Where a system keeps WasmEdge together with its compiler.
const SYSTEM_LIBRARIES: &str = concat!(
    "/usr/lib/x86_64-linux-gnu:/usr/lib/aarch64-linux-gnu:/usr/local/lib:/usr/local/lib64:",
    "/usr/lib64:/usr/lib"
);
/// Set for a process that was started again on the system's libraries.
const STARTED_AGAIN: &str = "EDGE_HOST_ON_SYSTEM_LIBRARIES";

/// With this status `compile-guest` ends where there is no compiler: what `sysexits.h` calls
/// `EX_UNAVAILABLE`.
pub const NO_COMPILER_STATUS: i32 = 69;

/// Whether this process has loaded WasmEdge with its compiler. Serving is better off without: see
/// `.ci/build-serving-libs`.
pub fn has_compiler() -> bool {
    // SAFETY: a NUL-terminated name; nothing but the address's being there is looked at.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"edge_host_without_compiler".as_ptr()).is_null() }
}

/// In a process without the compiler, starts the program again with the same arguments on the
/// system's libraries, and returns only where that cannot be. With the compiler, does nothing.
pub fn load_compiler() -> Result<(), Error> {
    if has_compiler() {
        return Ok(());
    }
    let program = PathBuf::from("/proc/self/exe");
    if std::env::var_os(STARTED_AGAIN).is_some() {
        return Err(Error::NoCompiler);
    }
    let source = Command::new(&program)
        .args(std::env::args_os().skip(1))
        .env("LD_LIBRARY_PATH", SYSTEM_LIBRARIES)
        .env(STARTED_AGAIN, "1")
        .exec();
    Err(Error::File { path: program, source })
}

/// What compiled code is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Fast.
    Speed,
    /// Small, and soon made: half of the time.
    Size,
}

/// Compiles the module in `path` for every machine of this architecture, and writes it with our
/// stamp to `out`, which appears whole or not at all: a shared object where its name ends in `.so`,
/// else a module with its code in a section.
pub fn compile_to(path: &Path, out: &Path, goal: Goal) -> Result<(), Error> {
    let file = |path: &Path| {
        let path = path.to_owned();
        |source| Error::File { path, source }
    };
    let plain = strip(&fs::read(path).map_err(file(path))?)?;
    if let Some(directory) = out.parent() {
        fs::create_dir_all(directory).map_err(file(directory))?;
    }
    let partial = out.with_extension(format!("partial-{}", std::process::id()));
    let is_object = out.extension().is_some_and(|it| it == "so");
    let made = compile(&plain, is_object, goal, &partial).and_then(|()| {
        let aot = fs::read(&partial).map_err(file(&partial))?;
        let stamped = if is_object {
            stamp_object(hollow(aot)?, &digest_of(&plain))
        } else {
            stamp(aot, &digest_of(&plain))
        };
        fs::write(&partial, stamped).map_err(file(&partial))?;
        fs::rename(&partial, out).map_err(file(out))
    });
    if made.is_err() {
        // It may never have been made; what counts is the first error.
        let _ = fs::remove_file(&partial);
    }
    made
}

fn compile(plain: &[u8], is_object: bool, goal: Goal, out: &Path) -> Result<(), Error> {
    let format = if is_object {
        ffi::WasmEdge_CompilerOutputFormat_Native
    } else {
        ffi::WasmEdge_CompilerOutputFormat_Wasm
    };
    // By measurement; level 1 crashes the compiler on big modules.
    let level = match goal {
        Goal::Speed => ffi::WasmEdge_CompilerOptimizationLevel_O3,
        Goal::Size => ffi::WasmEdge_CompilerOptimizationLevel_Os,
    };
    let path = CString::new(out.as_os_str().as_encoded_bytes())
        .map_err(|_| Error::Compile("the path holds a NUL byte".to_owned()))?;
    let configure = Configure::new()?;
    // WasmEdge tells its progress on stdout; an error comes back as one.
    // SAFETY: no arguments; sets a process-wide level.
    unsafe { ffi::WasmEdge_LogOff() };
    // SAFETY: each context is checked, used while `configure` lives, and deleted once.
    unsafe {
        ffi::WasmEdge_ConfigureCompilerSetOptimizationLevel(configure.as_ptr(), level);
        ffi::WasmEdge_ConfigureCompilerSetOutputFormat(configure.as_ptr(), format);
        // A node of the fleet must not meet instructions that only the build machine has.
        ffi::WasmEdge_ConfigureCompilerSetGenericBinary(configure.as_ptr(), true);
        let compiler = ffi::WasmEdge_CompilerCreate(configure.as_ptr());
        if compiler.is_null() {
            return Err(Error::NoCompiler);
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
