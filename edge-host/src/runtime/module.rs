//! A loaded and validated module.

#![allow(unsafe_code)] // the C API

use std::{ffi::CString, fs::File, os::fd::AsRawFd, ptr::NonNull};

use super::{Binary, Error, binary::Contents, faults, ffi};

/// The most linear memory an instance may have, in pages of 64 KiB: 128 MiB. A host has
/// five instances or so, and a pod 1 GiB.
const MEMORY_PAGES_MAX: u32 = 2_048;

/// A module that WasmEdge has loaded and validated. Immutable; every thread may make instances.
#[derive(Debug)]
pub struct Module {
    ast: NonNull<ffi::WasmEdge_ASTModuleContext>,
}

// SAFETY: after validation the AST is only read, by WasmEdge's instantiation, which copies from it.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Sync for Module {}

impl Module {
    /// Loads and validates a module that was checked on its way in.
    pub fn open(binary: &Binary) -> Result<Self, Error> {
        match (binary.object(), binary.contents()) {
            // By its own name: the system takes two objects of one name for the same.
            (Some(object), Contents::File(file, _)) => {
                let loaded = Self::load_file(object.as_os_str().as_encoded_bytes());
                match loaded {
                    Err(error) if binary.has_section() => {
                        let object = object.display();
                        tracing::warn!(%object, %error, "not mapped (is its folder noexec?)");
                        Self::load_opened(file)
                    }
                    loaded => loaded,
                }
            }
            (Some(object), Contents::Memory(_)) => {
                Self::load_file(object.as_os_str().as_encoded_bytes())
            }
            (None, Contents::Memory(bytes)) => Self::load(bytes),
            (None, Contents::File(file, _)) => Self::load_opened(file),
        }
    }

    fn load_opened(file: &File) -> Result<Self, Error> {
        Self::load_file(format!("/proc/self/fd/{}", file.as_raw_fd()).as_bytes())
    }

    fn load_file(path: &[u8]) -> Result<Self, Error> {
        let path = CString::new(path)
            .map_err(|_| Error::Invalid("its path holds a NUL byte".to_owned()))?;
        // SAFETY: the path lives through the call; the loader and the place are valid.
        Self::parse(|loader, ast| unsafe {
            ffi::WasmEdge_LoaderParseFromFile(loader, ast, path.as_ptr())
        })
    }

    /// Loads and validates a module: plain, or with an AOT section that this host compiled.
    pub fn load(bytes: &[u8]) -> Result<Self, Error> {
        let length = u32::try_from(bytes.len())
            .map_err(|_| Error::Invalid("larger than 4 GiB".to_owned()))?;
        // SAFETY: the bytes live through the call; the loader and the place are valid.
        Self::parse(|loader, ast| unsafe {
            ffi::WasmEdge_LoaderParseFromBuffer(loader, ast, bytes.as_ptr(), length)
        })
    }

    fn parse(
        parse: impl FnOnce(
            *mut ffi::WasmEdge_LoaderContext,
            *mut *mut ffi::WasmEdge_ASTModuleContext,
        ) -> ffi::WasmEdge_Result,
    ) -> Result<Self, Error> {
        faults::note_host_code();
        // WasmEdge prints every refusal to stdout, where only the listening address belongs.
        // SAFETY: no arguments; sets a process-wide level.
        unsafe { ffi::WasmEdge_LogOff() };
        let configure = Configure::new()?;
        // SAFETY: each context is checked, used while `configure` lives, and deleted once.
        unsafe {
            let loader = ffi::WasmEdge_LoaderCreate(configure.as_ptr());
            if loader.is_null() {
                return Err(Error::Engine("no loader".to_owned()));
            }
            let mut ast = std::ptr::null_mut();
            let parsed = parse(loader, &raw mut ast);
            ffi::WasmEdge_LoaderDelete(loader);
            check(parsed).map_err(Error::Invalid)?;
            let ast = NonNull::new(ast).ok_or_else(|| Error::Engine("no module".to_owned()))?;
            let module = Self { ast };
            let validator = ffi::WasmEdge_ValidatorCreate(configure.as_ptr());
            if validator.is_null() {
                return Err(Error::Engine("no validator".to_owned()));
            }
            let valid = ffi::WasmEdge_ValidatorValidate(validator, ast.as_ptr());
            ffi::WasmEdge_ValidatorDelete(validator);
            check(valid).map_err(Error::Invalid)?;
            Ok(module)
        }
    }

    pub(super) fn as_ptr(&self) -> *const ffi::WasmEdge_ASTModuleContext {
        self.ast.as_ptr()
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        // SAFETY: owned, and instances do not refer to it.
        unsafe { ffi::WasmEdge_ASTModuleDelete(self.ast.as_ptr()) };
    }
}

/// WasmEdge's options, the same for every loader, validator, executor and compiler.
#[derive(Debug)]
pub(super) struct Configure(NonNull<ffi::WasmEdge_ConfigureContext>);

impl Configure {
    pub(super) fn new() -> Result<Self, Error> {
        // SAFETY: the context is checked before use.
        let context = NonNull::new(unsafe { ffi::WasmEdge_ConfigureCreate() })
            .ok_or_else(|| Error::Engine("no configuration".to_owned()))?;
        // SAFETY: the context is live.
        unsafe {
            ffi::WasmEdge_ConfigureSetMaxMemoryPage(context.as_ptr(), MEMORY_PAGES_MAX);
            ffi::WasmEdge_ConfigureAddHostRegistration(
                context.as_ptr(),
                ffi::WasmEdge_HostRegistration_Wasi,
            );
        }
        Ok(Self(context))
    }

    pub(super) fn as_ptr(&self) -> *mut ffi::WasmEdge_ConfigureContext {
        self.0.as_ptr()
    }
}

impl Drop for Configure {
    fn drop(&mut self) {
        // SAFETY: owned.
        unsafe { ffi::WasmEdge_ConfigureDelete(self.0.as_ptr()) };
    }
}

/// The code of a call that ended by returning.
const SUCCESS: u32 = 0;

/// WasmEdge's message, where a call did not succeed. A guest that ended itself by `proc_exit` has
/// not: it left its work and its memory as they were, though `WasmEdge_ResultOK` calls that fine.
pub(super) fn check(result: ffi::WasmEdge_Result) -> Result<(), String> {
    // SAFETY: plain values in, a static NUL-terminated message out.
    unsafe {
        if ffi::WasmEdge_ResultGetCode(result) == SUCCESS {
            return Ok(());
        }
        let message = ffi::WasmEdge_ResultGetMessage(result);
        Err(std::ffi::CStr::from_ptr(message).to_string_lossy().into_owned())
    }
}
