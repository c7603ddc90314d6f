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
//! objects, and prefers the one beside a module to the section within.

#![allow(unsafe_code)] // maps files

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf, absolute},
    time::Duration,
};

use memmap2::Mmap;
use sha2::{Digest, Sha256};
use wasmparser::BinaryReader;

use super::{
    Error,
    child::{ChildLimits, run_child},
    compile::version,
};

/// The custom section that holds WasmEdge's AOT code.
const AOT_SECTION: &str = "wasmedge";
/// The custom section that holds our stamp, always the last one; and what a stamped shared object
/// ends with.
const STAMP_SECTION: &str = "edge-host-aot";
/// The module's magic number and version.
const HEADER_BYTES: usize = 8;
/// Bytes of a SHA-256 digest.
const DIGEST_BYTES: usize = 32;
/// Bytes of the checksum of a stamped file, XXH3: it finds damage, in a tenth of the time that
/// SHA-256 would add to every start.
const CHECKSUM_BYTES: usize = 16;

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
    /// Reads the module in `path` (`….wasm` or `….aot.wasm`) to run as AOT code: from the shared
    /// object `….so` beside it, or in `cache`; else its own; else by compiling in a child process
    /// into `cache`. Code without our stamp, or of another module, is passed over.
    pub fn open(path: &Path, cache: &Path) -> Result<Self, Error> {
        let contents = map(path)?;
        let stamp = Stamp::of_section(contents.bytes())?;
        let digest = match &stamp {
            Some(stamp) => stamp.digest,
            None => digest_of(&strip(contents.bytes())?),
        };
        let failed = |source| Error::File { path: path.to_owned(), source };
        let beside = beside(&absolute(path).map_err(failed)?);
        let cache = absolute(cache).map_err(failed)?;
        let cached = cache.join(format!("{}.so", hex(&digest)));
        let mode = ExecutionMode::Aot;
        for object in [&beside, &cached] {
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
    pub fn open_kept(digest: &str, cache: &Path) -> Result<Self, Error> {
        let binary = Self::open(&cache.join(format!("{digest}.wasm")), cache)?;
        let found = binary.digest_hex();
        if found == digest {
            return Ok(binary);
        }
        Err(Error::Damaged(format!("the file of guest {digest} holds guest {found}")))
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

/// `NAME.so`, of `NAME.wasm` or `NAME.aot.wasm`.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(".wasm").unwrap_or(&name);
    let name = name.strip_suffix(".aot").unwrap_or(name);
    path.with_file_name(format!("{name}.so"))
}

/// The plain module: without AOT code and without stamps.
pub fn strip(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let sections = sections(bytes)?;
    let mut plain = bytes[..HEADER_BYTES].to_vec();
    for section in sections {
        if !matches!(section.name, Some(AOT_SECTION | STAMP_SECTION)) {
            plain.extend_from_slice(&bytes[section.range]);
        }
    }
    Ok(plain)
}

/// Appends the stamp to a module with AOT code that was just made from the one with this digest.
pub(super) fn stamp(mut aot: Vec<u8>, digest: &[u8; DIGEST_BYTES]) -> Vec<u8> {
    let payload = stamp_payload(&aot, digest);
    let size = 1 + STAMP_SECTION.len() + payload.len();
    aot.push(0);
    write_leb128(&mut aot, size);
    write_leb128(&mut aot, STAMP_SECTION.len());
    aot.extend_from_slice(STAMP_SECTION.as_bytes());
    aot.extend_from_slice(&payload);
    aot
}

/// Appends the stamp to a shared object that was just made from the module with this digest.
pub(super) fn stamp_object(mut object: Vec<u8>, digest: &[u8; DIGEST_BYTES]) -> Vec<u8> {
    let payload = stamp_payload(&object, digest);
    object.extend_from_slice(&payload);
    object.push(u8::try_from(payload.len()).expect("a stamp is short"));
    object.extend_from_slice(STAMP_SECTION.as_bytes());
    object
}

fn stamp_payload(stamped: &[u8], digest: &[u8; DIGEST_BYTES]) -> Vec<u8> {
    [digest, &checksum_of(stamped)[..], maker().as_bytes()].concat()
}

/// SHA-256 in hexadecimal: which guest a plain module is.
pub fn digest_hex(plain: &[u8]) -> String {
    hex(&digest_of(plain))
}

pub(super) fn digest_of(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::digest(bytes).into()
}

fn checksum_of(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    xxhash_rust::xxh3::xxh3_128(bytes).to_le_bytes()
}

/// What a stamp of this WasmEdge on this machine says.
struct Stamp {
    /// Of the module that the code was made from.
    digest: [u8; DIGEST_BYTES],
    checksum: [u8; CHECKSUM_BYTES],
    /// How many bytes stand before the stamp.
    stamped: usize,
}

impl Stamp {
    /// The stamp behind a module's AOT section; `None` where there is no AOT code, or none that was
    /// made here.
    fn of_section(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let sections = sections(bytes)?;
        let last = sections.last().filter(|section| section.name == Some(STAMP_SECTION));
        let has_code = sections.iter().any(|section| section.name == Some(AOT_SECTION));
        let Some(last) = last.filter(|_| has_code) else {
            return Ok(None);
        };
        Self::read(last.data, last.range.start)
    }

    /// The stamp at the end of a shared object; `None` where there is none that was made here.
    fn of_object(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let Some((length, before)) =
            bytes.strip_suffix(STAMP_SECTION.as_bytes()).and_then(<[u8]>::split_last)
        else {
            return Ok(None);
        };
        match before.len().checked_sub(usize::from(*length)) {
            Some(stamped) => Self::read(&before[stamped..], stamped),
            None => Ok(None),
        }
    }

    fn read(payload: &[u8], stamped: usize) -> Result<Option<Self>, Error> {
        let parts = payload.split_first_chunk().and_then(|(digest, rest)| {
            let (checksum, made_by) = rest.split_first_chunk()?;
            Some((*digest, *checksum, made_by))
        });
        let Some((digest, checksum, made_by)) = parts else {
            return Err(Error::Damaged("its stamp is cut short".to_owned()));
        };
        let is_ours = made_by == maker().as_bytes();
        Ok(is_ours.then_some(Self { digest, checksum, stamped }))
    }

    /// Whether what stands before the stamp is what was stamped.
    fn check(&self, bytes: &[u8]) -> Result<(), Error> {
        if self.checksum == checksum_of(&bytes[..self.stamped]) {
            return Ok(());
        }
        Err(Error::Damaged("its contents do not match its stamp; build it again".to_owned()))
    }
}

/// Whether the shared object in `path`, if there is one, is the code of the module of this digest.
fn is_object_of(digest: &[u8; DIGEST_BYTES], path: &Path) -> bool {
    map(path).is_ok_and(|contents| vouches(contents.bytes(), digest))
}

fn vouches(object: &[u8], digest: &[u8; DIGEST_BYTES]) -> bool {
    matches!(Stamp::of_object(object), Ok(Some(stamp))
        if stamp.digest == *digest && stamp.check(object).is_ok())
}

/// Who makes AOT code here: another maker's is not used.
fn maker() -> String {
    format!("WasmEdge {} {} {}", version(), std::env::consts::ARCH, std::env::consts::OS)
}

struct Section<'a> {
    /// Header included.
    range: std::ops::Range<usize>,
    /// Of a custom section.
    name: Option<&'a str>,
    /// Of a custom section, after the name.
    data: &'a [u8],
}

fn sections(bytes: &[u8]) -> Result<Vec<Section<'_>>, Error> {
    if !bytes.starts_with(b"\0asm\x01\0\0\0") {
        return Err(Error::Invalid("it does not begin as a core module does".to_owned()));
    }
    let mut reader = BinaryReader::new(bytes, 0);
    let mut sections = Vec::new();
    let mut walk = || -> wasmparser::Result<()> {
        reader.read_bytes(HEADER_BYTES)?;
        while !reader.eof() {
            let start = reader.original_position();
            let id = reader.read_u8()?;
            let size = reader.read_var_u32()?;
            let content = reader.read_bytes(size as usize)?;
            let range = start..reader.original_position();
            let (name, data) = if id == 0 {
                let mut custom = BinaryReader::new(content, 0);
                let name = custom.read_string()?;
                (Some(name), &content[custom.original_position()..])
            } else {
                (None, &content[..0])
            };
            sections.push(Section { range, name, data });
        }
        Ok(())
    };
    walk().map_err(|error| Error::Invalid(error.to_string()))?;
    Ok(sections)
}

fn write_leb128(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// What compiling may use: LLVM needs half a gigabyte for a guest of some megabytes.
const COMPILE_LIMITS: ChildLimits =
    ChildLimits { time_max: Duration::from_mins(5), memory_bytes_max: 1 << 30 };

/// LLVM may crash on hostile input: never in the serving process.
fn compile_in_child(path: &Path, out: &Path) -> Result<(), Error> {
    tracing::info!(guest = %path.display(), "compiling the guest in a child process");
    let arguments = [OsStr::new("compile-guest"), path.as_os_str(), out.as_os_str()];
    run_child(&arguments, COMPILE_LIMITS)?.map(|_| ()).map_err(Error::Compile)
}

fn map(path: &Path) -> Result<Contents, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // SAFETY: whoever truncates the file of a guest while the host loads it ends the host. Ours are
    // made under another name and renamed, and so should others be.
    let map = unsafe { memmap2::MmapOptions::new().populate().map(&file) }.map_err(failed)?;
    Ok(Contents::File(file, map))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).expect("four bits");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty module, then the given custom sections.
    fn module(customs: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        for (name, data) in customs {
            bytes.push(0);
            write_leb128(&mut bytes, 1 + name.len() + data.len());
            write_leb128(&mut bytes, name.len());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(data);
        }
        bytes
    }

    /// The digest that a stamped module's code was made from.
    fn stamped_digest(bytes: &[u8]) -> Option<[u8; DIGEST_BYTES]> {
        let stamp = Stamp::of_section(bytes).unwrap()?;
        stamp.check(bytes).unwrap();
        Some(stamp.digest)
    }

    #[test]
    fn a_shared_object_is_used_for_its_own_module_and_undamaged_only() {
        let (ours, other) = (digest_of(b"ours"), digest_of(b"other"));
        let mut object = stamp_object(b"code".to_vec(), &ours);
        assert!(vouches(&object, &ours));
        assert!(!vouches(&object, &other));
        object[0] ^= 1;
        assert!(!vouches(&object, &ours));
        for unstamped in [&b""[..], b"code", STAMP_SECTION.as_bytes(), b"\xffedge-host-aot"] {
            assert!(!vouches(unstamped, &ours), "{unstamped:?}");
        }
    }

    #[test]
    fn a_stamp_vouches_for_the_code_in_front_of_it() {
        let plain = module(&[("name", b"x")]);
        let stamped = stamp(module(&[("name", b"x"), (AOT_SECTION, b"code")]), &digest_of(&plain));
        assert_eq!(stamped_digest(&stamped), Some(digest_of(&plain)));
        assert_eq!(strip(&stamped).unwrap(), plain);
    }

    #[test]
    fn code_without_a_stamp_or_with_a_stamp_in_front_is_foreign() {
        let foreign = module(&[(AOT_SECTION, b"code")]);
        assert_eq!(stamped_digest(&foreign), None);
        let mut late = stamp(module(&[]), &digest_of(&module(&[])));
        late.extend_from_slice(&foreign[HEADER_BYTES..]);
        assert_eq!(stamped_digest(&late), None);
        assert_eq!(strip(&late).unwrap(), module(&[]));
    }

    #[test]
    fn a_changed_byte_is_damage() {
        let mut stamped = stamp(module(&[(AOT_SECTION, b"code")]), &digest_of(&module(&[])));
        let code = stamped.windows(4).position(|window| window == b"code").unwrap();
        stamped[code] ^= 1;
        let stamp = Stamp::of_section(&stamped).unwrap().unwrap();
        assert!(matches!(stamp.check(&stamped), Err(Error::Damaged(_))));
    }

    #[test]
    fn bytes_that_are_no_module_are_refused() {
        let cut = &module(&[("name", b"a long enough section")])[..14];
        for bytes in [&b""[..], b"MZ", b"\0asm\x0d\0\x01\0", cut] {
            assert!(matches!(strip(bytes), Err(Error::Invalid(_))), "{bytes:?}");
        }
    }
}
