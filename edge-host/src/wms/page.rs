//! A page of a snapshot, as a warehouse's system writes it (WMS.md).

use inventory_json::words::{CounterValue, Instant, Sku};
use serde::Deserialize;

use super::pull::Failure;

/// The most items of a page, and the most pages of a snapshot.
const ITEMS_MAX: usize = 1_000;
const PAGES_MAX: u32 = 10_000;

/// What all pages of one snapshot have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Milliseconds since 1970.
    pub(super) as_of: i64,
    /// The sequence of the last shipment that is no longer counted.
    pub(super) watermark: Option<u64>,
    pub(super) pages: u32,
}

/// A page, in its bounds.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) head: Head,
    pub(super) items: Vec<(String, u32)>,
}

/// Unknown fields are the system's own affair.
#[derive(Deserialize)]
struct Fields {
    as_of: String,
    watermark: Option<String>,
    pages: u32,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    sku: Sku,
    on_hand: CounterValue,
}

/// Reads a page for this node.
pub(super) fn parse(body: &[u8], node: &str) -> Result<Page, Failure> {
    let fields: Fields = serde_json::from_slice(body)?;
    let malformed = |why: String| Failure::Malformed(why);
    let as_of = Instant::parse(&fields.as_of)
        .ok_or_else(|| malformed(format!("as_of is {:?}, not RFC 3339 in UTC", fields.as_of)))?;
    let watermark = fields.watermark.as_deref().map(|text| {
        let watermark = inventory_json::counts::Watermark::parse(text);
        let watermark = watermark.and_then(|it| it.of_node(node).ok());
        watermark.ok_or_else(|| malformed(format!("the watermark {text:?} is not of {node}")))
    });
    if !(1..=PAGES_MAX).contains(&fields.pages) {
        return Err(malformed(format!("there are {} pages, not 1 to {PAGES_MAX}", fields.pages)));
    }
    if fields.items.len() > ITEMS_MAX {
        let items = fields.items.len();
        return Err(malformed(format!("a page has {items} items, more than {ITEMS_MAX}")));
    }
    let head = Head { as_of: as_of.0, watermark: watermark.transpose()?, pages: fields.pages };
    let item = |it: Item| (it.sku.into_string(), it.on_hand.to_u32());
    Ok(Page { head, items: fields.items.into_iter().map(item).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<usize, &str>) {
        let parsed = parse(text.as_bytes(), "edge-1");
        match (parsed, expected) {
            (Ok(page), Ok(items)) => assert_eq!(page.items.len(), items, "{text}"),
            (Err(error), Err(why)) => assert!(error.to_string().contains(why), "{error}"),
            (other, _) => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_page_is_taken_in_its_bounds_only() {
        let page = |rest: &str| format!("{{\"as_of\":\"2026-11-22T00:00:00Z\",{rest}}}");
        check(&page(r#""pages":1,"items":[{"sku":"A","on_hand":3,"bin":"7"}],"x":1"#), Ok(1));
        check(&page(r#""pages":1,"watermark":"edge-1:7","items":[]"#), Ok(0));
        check(&page(r#""pages":1,"watermark":"edge-2:7","items":[]"#), Err("not of edge-1"));
        check(&page(r#""pages":0,"items":[]"#), Err("0 pages"));
        check(&page(r#""pages":1,"items":[{"sku":"A","on_hand":-3}]"#), Err("CounterValue"));
        check(r#"{"as_of":"today","pages":1,"items":[]}"#, Err("RFC 3339"));
        check("<html>", Err("cannot be read"));
    }
}
