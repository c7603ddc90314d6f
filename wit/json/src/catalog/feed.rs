//! The catalog's own change feed, a page at a time.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{body_fields, changed_key};
use crate::contract::catalog;
use crate::words::Instant;

/// A page of the feed.
#[derive(Serialize, ToSchema)]
pub struct CatalogChanges<'a> {
    /// Oldest first.
    changes: Vec<CatalogEvent<'a>>,
    /// What to pass as `after` for the next page.
    next: u64,
}

/// One change of one entry.
#[derive(Serialize, ToSchema)]
pub struct CatalogEvent<'a> {
    /// 1, 2, 3, … without a gap; the entry's version from then on.
    seq: u64,
    at: Instant,
    /// Who, where the caller said.
    author: Option<&'a str>,
    reason: &'a str,
    /// The entry's noun, and the fields of its key.
    #[schema(value_type = Object)]
    key: Map<String, Value>,
    /// What it said; null: there was none.
    #[schema(value_type = Option<Object>)]
    before: Option<Map<String, Value>>,
    /// What it says; null: it was deleted.
    #[schema(value_type = Option<Object>)]
    after: Option<Map<String, Value>>,
}

impl<'a> CatalogChanges<'a> {
    /// The page that lists `listed`, the changes after `after`.
    pub fn new(after: u64, listed: &'a [catalog::CatalogEvent]) -> Self {
        let next = listed.last().map_or(after, |last| last.seq);
        let event = |it: &'a catalog::CatalogEvent| CatalogEvent {
            seq: it.seq,
            at: Instant(it.at),
            author: it.author.as_deref(),
            reason: &it.reason,
            key: changed_key(&it.key),
            before: it.before.as_ref().map(body_fields),
            after: it.after.as_ref().map(body_fields),
        };
        Self { changes: listed.iter().map(event).collect(), next }
    }
}
