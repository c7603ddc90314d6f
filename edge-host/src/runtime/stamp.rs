//! The stamp behind AOT code: which module it was made from, by whom, and whether it is whole.

use sha2::{Digest, Sha256};
use wasmparser::BinaryReader;

use super::{Error, compile::version};

/// The custom section that holds WasmEdge's AOT code.
const AOT_SECTION: &str = "wasmedge";
/// The custom section that holds our stamp, always the last one; and what a stamped shared object
/// ends with.
const STAMP_SECTION: &str = "edge-host-aot";
/// The module's magic number and version.
const HEADER_BYTES: usize = 8;
/// Bytes of a SHA-256 digest.
pub(super) const DIGEST_BYTES: usize = 32;
/// Bytes of the checksum of a stamped file, XXH3: it finds damage, in a tenth of the time that
/// SHA-256 would add to every start.
const CHECKSUM_BYTES: usize = 16;

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
pub(super) struct Stamp {
    /// Of the module that the code was made from.
    pub(super) digest: [u8; DIGEST_BYTES],
    checksum: [u8; CHECKSUM_BYTES],
    /// How many bytes stand before the stamp.
    stamped: usize,
}

impl Stamp {
    /// The stamp behind a module's AOT section; `None` where there is no AOT code, or none that was
    /// made here.
    pub(super) fn of_section(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let sections = sections(bytes)?;
        let last = sections.last().filter(|section| section.name == Some(STAMP_SECTION));
        let has_code = sections.iter().any(|section| section.name == Some(AOT_SECTION));
        let Some(last) = last.filter(|_| has_code) else {
            return Ok(None);
        };
        Self::read(last.data, last.range.start)
    }

    /// Says why a shared object is not the code of the module of this digest.
    pub(super) fn vouch_for(object: &[u8], digest: &[u8; DIGEST_BYTES]) -> Result<(), Error> {
        match Self::of_object(object)? {
            Some(stamp) if stamp.digest == *digest => stamp.check(object),
            Some(stamp) => Err(Error::Foreign(format!("of guest {}", hex(&stamp.digest)))),
            None => Err(Error::Foreign(format!("not made by {}", maker()))),
        }
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
    pub(super) fn check(&self, bytes: &[u8]) -> Result<(), Error> {
        if self.checksum == checksum_of(&bytes[..self.stamped]) {
            return Ok(());
        }
        Err(Error::Damaged("its contents do not match its stamp; build it again".to_owned()))
    }
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

/// Appends a number as wasm writes one.
pub(super) fn write_leb128(out: &mut Vec<u8>, mut value: usize) {
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

pub(super) fn hex(bytes: &[u8]) -> String {
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
        assert!(Stamp::vouch_for(&object, &ours).is_ok());
        assert!(matches!(Stamp::vouch_for(&object, &other), Err(Error::Foreign(_))));
        object[0] ^= 1;
        assert!(matches!(Stamp::vouch_for(&object, &ours), Err(Error::Damaged(_))));
        for unstamped in [&b""[..], b"code", STAMP_SECTION.as_bytes(), b"\xffedge-host-aot"] {
            assert!(Stamp::vouch_for(unstamped, &ours).is_err(), "{unstamped:?}");
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
