//! What the catalog's calls say in their query: strict, as everything else.

use std::borrow::Cow;

use crate::changes::LIMIT_DEFAULT;
use crate::contract::types::ExpectedVersion;
use crate::problem::Problem;
use crate::refusal::VERSION_MISMATCH;
use crate::words::{ChangesLimit, Text, TextRule};

/// Which entries to list.
#[derive(Debug, PartialEq)]
pub struct Listing {
    /// Keys behind this one; empty: from the first.
    pub after: String,
    /// Keys that begin so.
    pub prefix: String,
    /// At most this many.
    pub limit: u32,
}

/// What a change of one entry says beside it.
#[derive(Debug, Default, PartialEq)]
pub struct Edit {
    /// Why; by default what is done.
    pub reason: Option<String>,
    /// Who.
    pub author: Option<String>,
    /// Refuse to close a warehouse that holds orders.
    pub refuse_in_use: bool,
    /// Change nothing.
    pub dry_run: bool,
    /// Makes the call idempotent.
    pub request_id: Option<String>,
}

/// The longest key in one text: a restriction's subject and an area.
const KEY_BYTES_MAX: usize = 160;

impl Listing {
    /// `after`, `prefix` and `limit`, percent-encoded.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let [after, prefix, limit] = parameters(query, ["after", "prefix", "limit"])?;
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(text) => {
                let number = text.parse().ok().and_then(|number| ChangesLimit::new(number).ok());
                let refuse = || Problem::malformed_parameter("limit", "limit is 1 to 1000");
                number.ok_or_else(refuse)?.to_u32()
            }
        };
        Ok(Self { after: key("after", after)?, prefix: key("prefix", prefix)?, limit })
    }
}

impl Edit {
    /// `reason`, `author`, `refuse_in_use`, `dry_run` and `request_id`, percent-encoded.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let names = ["reason", "author", "refuse_in_use", "dry_run", "request_id"];
        let [reason, author, refuse_in_use, dry_run, request_id] = parameters(query, names)?;
        Ok(Self {
            reason: word::<crate::words::ReasonRule>("reason", reason)?,
            author: word::<crate::words::ReasonRule>("author", author)?,
            refuse_in_use: flag("refuse_in_use", refuse_in_use.as_deref())?,
            dry_run: flag("dry_run", dry_run.as_deref())?,
            request_id: word::<crate::words::RequestIdRule>("request_id", request_id)?,
        })
    }
}

/// The most entity tags of one `If-Match`.
const ETAGS_MAX: usize = 100;

/// The version that a change of one entry expects, by the values of its headers: `If-Match: "7"`
/// expects version 7, `"7", "9"` either, `*` that there is one, `If-None-Match: *` that there is
/// none. An entity tag that is not ours, or weak, is no version's.
pub fn expected_version(
    if_match: Option<&[u8]>,
    if_none_match: Option<&[u8]>,
) -> Result<ExpectedVersion, Problem> {
    match (if_match, if_none_match) {
        (None, None) => Ok(ExpectedVersion::Any),
        (None, Some(b"*")) => Ok(ExpectedVersion::Version(0)),
        (Some(b"*"), None) => Ok(ExpectedVersion::Present),
        (Some(etags), None) => {
            let etags: Vec<&[u8]> = listed(etags).collect();
            let fits = (1..=ETAGS_MAX).contains(&etags.len()) && etags.iter().all(|it| is_etag(it));
            if !fits {
                let detail = "If-Match takes * or ETags as they were answered, such as \"7\"";
                return Err(Problem::malformed_parameter("If-Match", detail));
            }
            let versions: Vec<u64> = etags.into_iter().filter_map(version).collect();
            match versions.as_slice() {
                [] => {
                    let detail = "If-Match names no ETag that was answered here, and so no version";
                    Err(Problem::new(&VERSION_MISMATCH, detail))
                }
                [version] => Ok(ExpectedVersion::Version(*version)),
                _ => Ok(ExpectedVersion::OneOf(versions)),
            }
        }
        _ => {
            let detail = "send If-Match with ETags or *, or If-None-Match: *";
            Err(Problem::malformed_parameter("If-None-Match", detail))
        }
    }
}

/// Whether a reading's `If-None-Match` names this version: then its caller has the entry.
pub fn is_known(if_none_match: Option<&[u8]>, now: u64) -> bool {
    let has = |etag: &[u8]| version(etag.strip_prefix(b"W/").unwrap_or(etag)) == Some(now);
    if_none_match.is_some_and(|etags| etags == b"*" || listed(etags).any(has))
}

/// The members of a header's list. A comma between quotes is of an entity tag.
fn listed(etags: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    let members = etags.split(move |byte| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    });
    members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Whether it is an entity tag, whoever answered it.
fn is_etag(member: &[u8]) -> bool {
    let strong = member.strip_prefix(b"W/").unwrap_or(member);
    let text = strong.strip_prefix(b"\"").and_then(|it| it.strip_suffix(b"\""));
    text.is_some_and(|text| text.iter().all(|byte| matches!(byte, b'!' | b'#'..=b'~' | 0x80..)))
}

/// The version of an entity tag that we answered.
fn version(etag: &[u8]) -> Option<u64> {
    let digits = etag.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    std::str::from_utf8(digits).ok()?.parse().ok().filter(|version| *version > 0)
}

/// Refuses a version for a call that changes many entries: one would be guarded, or none.
pub fn expects_nothing(expected: &ExpectedVersion) -> Result<(), Problem> {
    let detail = "each change has an expected_version of its own; If-Match and If-None-Match are \
                  for calls that change one entry";
    match expected {
        ExpectedVersion::Any => Ok(()),
        _ => Err(Problem::malformed_parameter("If-Match", detail)),
    }
}

/// Parameters by name, each at most once; any other is refused.
pub fn parameters<'a, const N: usize>(
    query: &'a str,
    names: [&'static str; N],
) -> Result<[Option<Cow<'a, str>>; N], Problem> {
    let mut found = [const { None }; N];
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let Some(at) = names.iter().position(|known| *known == name) else {
            let detail = format!("there is no parameter {name}; known: {}", names.join(", "));
            return Err(Problem::malformed_parameter(name, detail));
        };
        let refuse = |what: &str| Problem::malformed_parameter(name, format!("{name} {what}"));
        let text = decoded(text).ok_or_else(|| refuse("is not percent-encoded UTF-8"))?;
        if found[at].replace(text).is_some() {
            return Err(refuse("is given twice"));
        }
    }
    Ok(found)
}

fn decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit = |byte: u8| (byte as char).to_digit(16);
                let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
                u8::try_from(value).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn key(name: &str, text: Option<Cow<'_, str>>) -> Result<String, Problem> {
    let text = text.unwrap_or_default().into_owned();
    let fits = text.len() <= KEY_BYTES_MAX && text.bytes().all(|it| (b' '..=b'~').contains(&it));
    if fits {
        return Ok(text);
    }
    let detail = format!("{name} is a key: at most {KEY_BYTES_MAX} visible ASCII characters");
    Err(Problem::malformed_parameter(name, detail))
}

fn word<R: TextRule>(name: &str, text: Option<Cow<'_, str>>) -> Result<Option<String>, Problem> {
    let parse = |text: Cow<'_, str>| {
        Text::<R>::parse(&text)
            .map(Text::into_string)
            .map_err(|bounds| Problem::malformed_parameter(name, bounds.to_string()))
    };
    text.map(parse).transpose()
}

pub(crate) fn flag(name: &str, text: Option<&str>) -> Result<bool, Problem> {
    match text {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => {
            let detail = format!("{name} is true or false, not {other}");
            Err(Problem::malformed_parameter(name, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_asked_for_in_known_parameters() {
        let listing = |after: &str, prefix: &str, limit| {
            Some(Listing { after: after.into(), prefix: prefix.into(), limit })
        };
        for (query, expected) in [
            ("", listing("", "", LIMIT_DEFAULT)),
            ("after=W1%2044&limit=7", listing("W1 44", "", 7)),
            ("prefix=W1+", listing("", "W1 ", LIMIT_DEFAULT)),
            ("limit=0", None),
            ("limit=1001", None),
            ("after=%4", None),
            ("after=%FF", None),
            ("after=%0A", None),
            ("page=1", None),
            ("limit=1&limit=1", None),
        ] {
            assert_eq!(Listing::parse(query).ok(), expected, "{query:?}");
        }
    }

    #[test]
    fn an_edit_is_told_in_known_parameters() {
        let edit = Edit::parse("reason=spring+plan&dry_run=true&author=Li%20Wei").unwrap();
        assert_eq!(edit.reason.as_deref(), Some("spring plan"));
        assert_eq!(edit.author.as_deref(), Some("Li Wei"));
        assert!(edit.dry_run && !edit.refuse_in_use);
        for query in ["dry_run=yes", "reason=", "request_id=a+b", "why=x"] {
            assert!(Edit::parse(query).is_err(), "{query:?}");
        }
    }

    #[test]
    fn versions_are_expected_by_one_header() {
        use ExpectedVersion::{Any, OneOf, Present, Version};
        let matching = |value: &'static str| expected_version(Some(value.as_bytes()), None).ok();
        assert!(matches!(expected_version(None, None), Ok(Any)));
        assert!(matches!(expected_version(None, Some(b"*")), Ok(Version(0))));
        assert!(matches!(matching("\"7\""), Some(Version(7))));
        assert!(matches!(matching("*"), Some(Present)));
        for list in ["\"1\", \"2\"", "\"1\",,\"2\" ,"] {
            assert!(matches!(matching(list), Some(OneOf(it)) if it == [1, 2]), "{list}");
        }
        assert!(matches!(matching("\"a,b\", W/\"1\", \"2\""), Some(Version(2))));
        for (status, values) in [
            (412, &["W/\"7\"", "\"0\"", "\"x\"", "\"\"", "\"7,8\"", "W/\"7\", \"é\""][..]),
            (400, &["7", "w/\"7\"", "\"1\" \"2\"", "\"1", "\"a b\"", "*, \"1\"", "", ","]),
        ] {
            for value in values {
                let refused = expected_version(Some(value.as_bytes()), None).err();
                assert_eq!(refused.map(|it| it.kind.status.as_u16()), Some(status), "{value}");
            }
        }
        assert!(expected_version(None, Some(b"\"7\"")).is_err());
        assert!(expected_version(Some(b"\"7\""), Some(b"*")).is_err());
    }

    #[test]
    fn what_a_caller_has_is_known_by_its_etag() {
        for (value, is_known_then) in [
            ("\"7\"", true),
            ("*", true),
            ("W/\"7\"", true),
            ("\"6\", \"7\"", true),
            ("\"8\"", false),
            ("7", false),
            ("", false),
        ] {
            assert_eq!(is_known(Some(value.as_bytes()), 7), is_known_then, "{value}");
        }
        assert!(!is_known(None, 7));
    }
}
