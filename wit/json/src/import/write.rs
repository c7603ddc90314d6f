//! Exports: the rows that an import reads, in either form.

use serde_json::{Map, Value, json};

use super::{Format, Subject, columns};
use crate::contract::{catalog, stock};
use crate::parse::render;

/// What an export has before its first row.
pub fn head(subject: Subject, format: Format) -> Vec<u8> {
    match format {
        Format::Json | Format::JsonLines => Vec::new(),
        Format::Csv => {
            let names: Vec<&str> = columns::of(subject).iter().map(|column| column.0).collect();
            (names.join(",") + "\r\n").into_bytes()
        }
    }
}

/// Entries as lines.
pub fn entries(
    shape: &'static crate::catalog::Shape,
    format: Format,
    listed: &[catalog::StoredEntry],
) -> Vec<u8> {
    let all = listed.iter().map(|stored| shape.fields(&stored.entry));
    match format {
        Format::Json | Format::JsonLines => lines(all),
        Format::Csv => {
            let rows = all.flat_map(|fields| columns::rows_of(shape, fields));
            table(Subject::Catalog(shape), rows)
        }
    }
}

/// Counters as lines: each sku's, then one for each of its warehouses.
pub fn stock(format: Format, listed: &[stock::SkuStock]) -> Vec<u8> {
    let rows = listed.iter().flat_map(|sku| {
        let own = json!({ "sku": sku.sku, "sellable": sku.sellable });
        let site = |it: &stock::WarehouseStock| {
            let (on_hand, unavailable) = (it.on_hand, it.unavailable);
            let (sku, warehouse) = (&sku.sku, &it.warehouse);
            json!({
                "sku": sku,
                "warehouse": warehouse,
                "on_hand": on_hand,
                "unavailable": unavailable,
            })
        };
        let sites = sku.warehouses.iter().map(site);
        std::iter::once(own).chain(sites).filter_map(|row| match row {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
    });
    match format {
        Format::Json | Format::JsonLines => lines(rows),
        Format::Csv => table(Subject::Stock, rows),
    }
}

fn lines(rows: impl Iterator<Item = Map<String, Value>>) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rows {
        out.extend(render(&row));
        out.push(b'\n');
    }
    out
}

fn table(subject: Subject, rows: impl Iterator<Item = Map<String, Value>>) -> Vec<u8> {
    let columns = columns::of(subject);
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for row in rows {
        let cells = columns.iter().map(|(name, _)| columns::text(row.get(*name)));
        // Memory takes what is written, and all rows are of one length.
        let written = writer.write_record(cells);
        debug_assert!(written.is_ok(), "{written:?}");
    }
    writer.into_inner().unwrap_or_default()
}
