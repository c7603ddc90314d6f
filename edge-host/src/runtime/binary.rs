//! A guest's bytes on their way in: which module they are, and whether their AOT code is ours.
//!
//! AOT code is native code in a custom section named `wasmedge`; a crafted one writes host memory,
//! and one made by another WasmEdge is silently ignored in favour of the interpreter, thirty times
//! slower. So an AOT section counts only with our stamp behind it, which names the module it was
//! made from, the WasmEdge that made it, and the checksum of the file before the stamp. The stamp
//! proves origin against accidents, not against an attacker who can write the host's files.
//!
//! The same code may also stand in a shared object, stamped at its end. The system maps that, where
//! WasmEdge copies a section three times: half of a guest's loading. So the host compiles to shared
//! objects, and prefers one in its cache or beside a module to the section within.

#![allow(unsafe_code)] // maps files

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf, absolute},
    time::Duration,
};

use memmap2::Mmap;

use super::{
    Error,
    child::{ChildLimits, run_child},
    compile::NO_COMPILER_STATUS,
    stamp::{DIGEST_BYTES, Stamp, digest_of, hex, strip},
};

/// How a module's functions run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionMode {
    /// Compiled ahead of time to native code.
    Aot,
    /// Interpreted: about thirty times slower.
    Interpreter,
}

impl ExecutionMode {
    /// `aot` or `interpreter`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aot => "aot",
            Self::Interpreter => "interpreter",
        }
    }
}

/// A module ready to load.
pub struct Binary {
    contents: Contents,
    /// Its code in a shared object, in the place of that in the contents.
    object: Option<PathBuf>,
    /// SHA-256 of the plain module: its identity, however it runs.
    digest: [u8; DIGEST_BYTES],
    mode: ExecutionMode,
}

/// Where a module's bytes are.
pub(super) enum Contents {
    /// Changed on the way in.
    Memory(Vec<u8>),
    /// As they are in the file: mapped twice, by us to check and by WasmEdge to load, and never
    /// copied, which is a good part of a cold start. Files of guests are replaced, not written to.
    File(File, Mmap),
}

impl Contents {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(_, map) => map,
        }
    }
}

impl Binary {
    /// Reads the module in `path` to run in this mode.
    pub fn open_as(mode: ExecutionMode, path: &Path, cache: &Path) -> Result<Self, Error> {
        match mode {
            ExecutionMode::Aot => Self::open(path, cache),
            ExecutionMode::Interpreter => Self::open_interpreted(path),
        }
    }

    /// Reads the module in `path` (`….wasm` or `….aot.wasm`) to run as AOT code: from the shared
    /// object in `cache`, or `….so` beside it; else its own; else by compiling in a child process
    /// into `cache`. Code without our stamp, or of another module, is passed over, which is told.
    pub fn open(path: &Path, cache: &Path) -> Result<Self, Error> {
        let contents = map(path)?;
        let stamp = Stamp::of_section(contents.bytes())?;
        let digest = match &stamp {
            Some(stamp) => stamp.digest,
            None => digest_of(&strip(contents.bytes())?),
        };
        let failed = |source| Error::File { path: path.to_owned(), source };
        let beside = beside(&absolute(path).map_err(failed)?);
        let cached = cached(&digest, &absolute(cache).map_err(failed)?);
        let mode = ExecutionMode::Aot;
        for object in [&cached, &beside] {
            if is_object_of(&digest, object) {
                return Ok(Self { contents, object: Some(object.clone()), digest, mode });
            }
        }
        if let Some(stamp) = stamp {
            stamp.check(contents.bytes())?;
            return Ok(Self { contents, object: None, digest, mode });
        }
        compile_in_child(path, &cached)?;
        if is_object_of(&digest, &cached) {
            return Ok(Self { contents, object: Some(cached), digest, mode });
        }
        Err(Error::Compile(format!("{} is not what was compiled", cached.display())))
    }

    /// Reads the module that `cache` keeps under its digest.
    pub fn open_kept(digest: &str, mode: ExecutionMode, cache: &Path) -> Result<Self, Error> {
        let binary = Self::open_as(mode, &cache.join(format!("{digest}.wasm")), cache)?;
        let found = binary.digest_hex();
        if found == digest {
            return Ok(binary);
        }
        Err(Error::Damaged(format!("the file of guest {digest} holds guest {found}")))
    }

    /// Copies the shared object into the cache, where nobody writes to it while it is mapped, and
    /// loads that, now and at every later start.
    #[must_use]
    pub fn keep_object(mut self, cache: &Path) -> Self {
        let Some(object) = &self.object else { return self };
        let kept = cached(&self.digest, cache);
        if absolute(&kept).is_ok_and(|kept| kept == *object) {
            return self;
        }
        match copy(object, &kept) {
            Ok(kept) if is_object_of(&self.digest, &kept) => self.object = Some(kept),
            Ok(_) => tracing::warn!(object = %object.display(), "changed while it was copied"),
            Err(error) => tracing::warn!(
                object = %object.display(),
                %error,
                "not copied: whoever writes to it while this host runs ends the host"
            ),
        }
        self
    }

    /// Reads the module in `path` to run in the interpreter.
    pub fn open_interpreted(path: &Path) -> Result<Self, Error> {
        let plain = strip(map(path)?.bytes())?;
        let digest = digest_of(&plain);
        let (contents, mode) = (Contents::Memory(plain), ExecutionMode::Interpreter);
        Ok(Self { contents, object: None, digest, mode })
    }

    /// The module, maybe with AOT code that nobody vouches for: to read, not to run.
    pub fn bytes(&self) -> &[u8] {
        self.contents.bytes()
    }

    pub(super) fn object(&self) -> Option<&Path> {
        self.object.as_deref()
    }

    /// Whether the contents have AOT code too that was made here.
    pub(super) fn has_section(&self) -> bool {
        let stamp = Stamp::of_section(self.bytes());
        matches!(stamp, Ok(Some(stamp)) if stamp.check(self.bytes()).is_ok())
    }

    pub(super) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// How it will run.
    pub fn mode(&self) -> ExecutionMode {
        self.mode
    }

    /// SHA-256 of the plain module, in hexadecimal.
    pub fn digest_hex(&self) -> String {
        hex(&self.digest)
    }
}

/// The plain module in a file; damaged, where the code beside it in there is.
pub fn read_plain(path: &Path) -> Result<Vec<u8>, Error> {
    let contents = map(path)?;
    if let Some(stamp) = Stamp::of_section(contents.bytes())? {
        stamp.check(contents.bytes())?;
    }
    strip(contents.bytes())
}

/// `NAME.so`, of `NAME.wasm` or `NAME.aot.wasm`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".wasm").unwrap_or(&name);
    let name = name.strip_suffix(".aot").unwrap_or(name);
    path.with_file_name(format!("{name}.so"))
}

/// Where a cache keeps the shared object of the module with this digest.
fn cached(digest: &[u8; DIGEST_BYTES], cache: &Path) -> PathBuf {
    cache.join(format!("{}.so", hex(digest)))
}

/// Copies a file to a name where it appears whole or not at all. Answers its absolute path.
fn copy(from: &Path, to: &Path) -> std::io::Result<PathBuf> {
    let to = absolute(to)?;
    fs::create_dir_all(to.parent().unwrap_or(Path::new("/")))?;
    let partial = to.with_extension(format!("partial-{}", std::process::id()));
    let copied = fs::copy(from, &partial).and_then(|_| fs::rename(&partial, &to));
    if copied.is_err() {
        // It may never have been made; what counts is the first error.
        let _ = fs::remove_file(&partial);
    }
    copied.map(|()| to)
}

/// Whether the shared object in `path`, if there is one, is the code of the module of this digest.
fn is_object_of(digest: &[u8; DIGEST_BYTES], path: &Path) -> bool {
    if !path.exists() {
        return false;
    }
    let vouched = map(path).and_then(|object| Stamp::vouch_for(object.bytes(), digest));
    if let Err(error) = &vouched {
        tracing::warn!(object = %path.display(), %error, "compiled code is passed over");
    }
    vouched.is_ok()
}

/// What compiling may use: LLVM needs half a gigabyte for a guest of some megabytes.
const COMPILE_LIMITS: ChildLimits =
    ChildLimits { time_max: Duration::from_mins(5), memory_bytes_max: 1 << 30 };

/// LLVM may crash on hostile input: never in the serving process.
fn compile_in_child(path: &Path, out: &Path) -> Result<(), Error> {
    tracing::info!(guest = %path.display(), "compiling the guest in a child process");
    let arguments = [OsStr::new("compile-guest"), path.as_os_str(), out.as_os_str()];
    run_child(&arguments, COMPILE_LIMITS)?.map(|_| ()).map_err(|end| match end.status {
        Some(NO_COMPILER_STATUS) => Error::NoCompiler,
        _ => Error::Compile(end.to_string()),
    })
}

fn map(path: &Path) -> Result<Contents, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // SAFETY: whoever truncates the file of a guest in the milliseconds in which the host loads it
    // ends the host. Ours are made under another name and renamed, and so should others be.
    let map = unsafe { memmap2::MmapOptions::new().populate().map(&file) }.map_err(failed)?;
    Ok(Contents::File(file, map))
}
