//! JSON in and out: strictly in, saying where a body breaks the contract.

use std::borrow::Cow;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;

use crate::problem::{BODY_TOO_LARGE, Problem, UNSUPPORTED_MEDIA_TYPE};

/// `value` as JSON.
pub fn render<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("answers have text keys and finite numbers only")
}

/// A body that must be there, of a request with this `Content-Type`.
pub fn body<T: DeserializeOwned>(content_type: Option<&[u8]>, body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Err(Problem::malformed_body("", "this call needs a JSON body; it is empty"));
    }
    check_content_type(content_type)?;
    parse(body)
}

/// A body that may be empty, which means the same as `{}`.
pub fn body_or_default<T: DeserializeOwned + Default>(
    content_type: Option<&[u8]>,
    body: &[u8],
) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    check_content_type(content_type)?;
    parse(body)
}

/// What is answered to a body beyond the limit.
pub fn body_too_large(bytes_max: usize) -> Problem {
    let detail = format!("a body has at most {bytes_max} bytes; send less at once");
    Problem::new(&BODY_TOO_LARGE, detail).with("bytes_max", bytes_max)
}

fn check_content_type(content_type: Option<&[u8]>) -> Result<(), Problem> {
    let essence = content_type.and_then(|value| value.split(|byte| *byte == b';').next());
    if essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(b"application/json"))
    {
        return Ok(());
    }
    let detail = match content_type {
        Some(value) => format!("the body is {}", String::from_utf8_lossy(value)),
        None => "the request has no content-type".into(),
    };
    Err(Problem::new(&UNSUPPORTED_MEDIA_TYPE, detail + "; send application/json"))
}

/// Parses at full speed, and once more with a trace only to say where it failed.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    if let Some(at) = misplaced_array(body) {
        // The body is cut off there, in a value: where it ends is where the array stands.
        let cut_off = [&body[..at], b"\""].concat();
        let cut_off = &mut serde_json::Deserializer::from_slice(&cut_off);
        let at_end = serde_path_to_error::deserialize::<_, T>(cut_off).err();
        let at_end = at_end.filter(|error| error.inner().is_eof());
        let pointer = at_end.map(|error| pointer(error.path())).unwrap_or_default();
        let what = if pointer.is_empty() { "there" } else { pointer.as_str() };
        let detail = format!("{what} is an array, at byte {at}, where the contract has none");
        return Err(Problem::malformed_body(&pointer, detail));
    }
    serde_json::from_slice(body).map_err(|error| {
        let traced = &mut serde_json::Deserializer::from_slice(body);
        match serde_path_to_error::deserialize::<_, T>(traced) {
            Ok(_) => Problem::malformed_body("", error.to_string()),
            Err(traced) => {
                Problem::malformed_body(&pointer(traced.path()), traced.inner().to_string())
            }
        }
    })
}

/// The fields whose value is a list; no list is an element of another.
const LISTS: [&[u8]; 17] = [
    b"commands",
    b"items",
    b"lines",
    b"skus",
    b"rules",
    b"monday",
    b"tuesday",
    b"wednesday",
    b"thursday",
    b"friday",
    b"saturday",
    b"sunday",
    b"windows",
    b"holidays",
    b"workdays",
    b"promotions",
    b"stop_ship",
];

/// Where an array stands that is no list of the contract. Serde would take it for an object whose
/// fields come in the order of our source.
fn misplaced_array(body: &[u8]) -> Option<usize> {
    let mut text: &[u8] = b"";
    let mut is_named = false;
    let mut at = 0;
    while at < body.len() {
        match body[at] {
            b'"' => {
                let start = at + 1;
                at = start;
                while at < body.len() && body[at] != b'"' {
                    at += if body[at] == b'\\' { 2 } else { 1 };
                }
                text = &body[start..at.min(body.len())];
                is_named = false;
            }
            b':' => is_named = true,
            b'[' if !is_named || !LISTS.contains(&text) => return Some(at),
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => is_named = false,
        }
        at += 1;
    }
    None
}

/// The same of fields that were read before: the name of the first that is, or has, such an array.
pub(crate) fn with_misplaced_array(fields: &Map<String, Value>) -> Option<&str> {
    fn has(name: Option<&str>, value: &Value) -> bool {
        let is_list = name.is_some_and(|name| LISTS.contains(&name.as_bytes()));
        match value {
            Value::Array(items) => !is_list || items.iter().any(|item| has(None, item)),
            Value::Object(fields) => fields.iter().any(|(name, value)| has(Some(name), value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        }
    }
    fields.iter().find(|(name, value)| has(Some(name), value)).map(|(name, _)| name.as_str())
}

/// RFC 6901, with its two escapes.
fn pointer(path: &serde_path_to_error::Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let step: Cow<'_, str> = match segment {
            Segment::Seq { index } => index.to_string().into(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1").into(),
            Segment::Enum { variant } => variant.into(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&step);
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_stands_only_where_the_contract_has_a_list() {
        for fits in [r#"{"lines":[{"sku":"["}]}"#, r#"{"skus" : ["a\"[",""]}"#, "{", r#"{"lines"#] {
            assert_eq!(misplaced_array(fits.as_bytes()), None, "{fits}");
        }
        for (stray, at) in [
            ("[]", 0),
            (r#"{"lines":[["A",1]]}"#, 10),
            (r#"{"ship_to":["440305"]}"#, 11),
            (r#"{"commands":[{"confirm":["O-1",null]}]}"#, 24),
        ] {
            assert_eq!(misplaced_array(stray.as_bytes()), Some(at), "{stray}");
        }
    }

    #[test]
    fn a_misplaced_array_is_named() {
        use crate::catalog::Calendar;
        for (body, named) in [
            (r#"{"weekly":[]}"#, "/weekly"),
            (r#"{"time_zone":"UTC","weekly":{"monday":[["09:00","18:00"]]}}"#, "/weekly/monday/0"),
            (r#"{"weekly":{},"cut_off":[]}"#, "/cut_off"),
            ("[]", ""),
            (r#"{"colour":1,"weekly":[]}"#, ""),
        ] {
            let problem = parse::<Calendar>(body.as_bytes()).err().unwrap();
            assert_eq!(problem.members["pointer"], named, "{body}: {}", problem.detail);
            assert!(problem.detail.contains(named), "{body}: {}", problem.detail);
        }
        let fields = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let named = |text: &str| with_misplaced_array(&fields(text)).map(str::to_owned);
        assert_eq!(named(r#"{"warehouse":"W1","weekly":[]}"#).as_deref(), Some("weekly"));
        assert_eq!(named(r#"{"holidays":[],"weekly":{"monday":[{}]}}"#), None);
    }

    #[test]
    fn only_json_is_taken() {
        for (content_type, taken) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (Some("application/jsonp"), false),
            (Some("text/plain"), false),
            (Some(""), false),
            (None, false),
        ] {
            let checked = check_content_type(content_type.map(str::as_bytes));
            assert_eq!(checked.is_ok(), taken, "{content_type:?}");
        }
    }
}
