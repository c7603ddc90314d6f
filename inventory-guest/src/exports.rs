//! The WIT exports: check and convert what comes, call operations, convert what goes. No rule and
//! no SQL; values move, they are not copied.

use crate::bindings;
use crate::bindings::exports::inventory::guest::{
    catalog, changes, commands, lifecycle, orders, routing, stock,
};
use crate::bindings::inventory::guest::{counts, entries, sessions, types};
use crate::contract::{arguments, counting, imports, results};
use crate::contract::{catalog as catalog_words, routing as routing_words};
use crate::domain::{Instant, Malformed, OrderId, RequestId, Sku, WarehouseCode};
use crate::operations::{self, queries};
use crate::storage::host::HostDatabase;

struct Guest;

#[allow(unsafe_code, unreachable_pub, reason = "generated, and the canonical ABI is pointers")]
mod exported {
    use super::{Guest, bindings};

    bindings::export!(Guest with_types_in bindings);
}

impl commands::Guest for Guest {
    fn apply(
        now: types::Instant,
        commands: Vec<types::Command>,
    ) -> Result<commands::Applied, types::Fault> {
        let now = Instant::parse(now)?;
        let commands: Result<Vec<_>, Malformed> =
            commands.into_iter().map(arguments::command).collect();
        let applied = operations::apply(&mut HostDatabase, now, &commands?)?;
        Ok(commands::Applied {
            outcomes: applied.outcomes.into_iter().map(results::outcome).collect(),
            changed_skus: applied.changed_skus.into_iter().map(Sku::into_string).collect(),
        })
    }
}

impl orders::Guest for Guest {
    fn get_order(order_id: types::OrderId) -> Result<Option<orders::Order>, types::Fault> {
        let order = queries::get_order(&mut HostDatabase, OrderId::parse(order_id)?)?;
        Ok(order.map(results::order))
    }
}

impl stock::Guest for Guest {
    fn get_stock(skus: Vec<types::Sku>) -> Result<Vec<Option<stock::SkuStock>>, types::Fault> {
        let skus: Result<Vec<_>, Malformed> = skus.into_iter().map(Sku::parse).collect();
        let stock = queries::get_stock(&mut HostDatabase, skus?)?;
        Ok(stock.into_iter().map(|found| found.map(results::sku_stock)).collect())
    }

    fn list_stock(after: String, limit: u32) -> Result<Vec<stock::SkuStock>, types::Fault> {
        let listed = queries::list_stock(&mut HostDatabase, &after, limit)?;
        Ok(listed.into_iter().map(results::sku_stock).collect())
    }

    fn list_shortages(
        warehouse: Option<types::WarehouseCode>,
        after: String,
        limit: u32,
    ) -> Result<Vec<counts::CountShortage>, types::Fault> {
        let warehouse = warehouse.map(WarehouseCode::parse).transpose()?;
        let found = queries::list_shortages(&mut HostDatabase, warehouse.as_ref(), &after, limit)?;
        Ok(found.into_iter().map(counting::shortage).collect())
    }

    fn audit() -> Result<stock::AuditReport, types::Fault> {
        Ok(results::audit_report(queries::audit(&mut HostDatabase)?))
    }
}

impl changes::Guest for Guest {
    fn list_changes(after: u64, limit: u32) -> Result<Vec<changes::Change>, types::Fault> {
        let changes = queries::list_changes(&mut HostDatabase, after, limit)?;
        Ok(changes.into_iter().map(results::change).collect())
    }
}

impl catalog::Guest for Guest {
    fn get_entry(key: entries::EntryKey) -> Result<Option<catalog::StoredEntry>, types::Fault> {
        let found = queries::get_entry(&mut HostDatabase, &catalog_words::key(&key)?)?;
        Ok(found.map(catalog_words::stored_entry))
    }

    fn list_entries(
        noun: entries::Noun,
        prefix: String,
        after: String,
        limit: u32,
    ) -> Result<Vec<catalog::StoredEntry>, types::Fault> {
        let noun = catalog_words::noun(noun);
        let found = queries::list_entries(&mut HostDatabase, noun, &prefix, &after, limit)?;
        Ok(found.into_iter().map(catalog_words::stored_entry).collect())
    }

    fn list_catalog_events(
        after: u64,
        limit: u32,
    ) -> Result<Vec<catalog::CatalogEvent>, types::Fault> {
        let events = queries::list_catalog_events(&mut HostDatabase, after, limit)?;
        Ok(events.into_iter().map(catalog_words::event).collect())
    }

    fn get_session(session_id: String) -> Result<Option<sessions::Session>, types::Fault> {
        let found = queries::get_session(&mut HostDatabase, &RequestId::parse(session_id)?)?;
        Ok(found.map(imports::session))
    }

    fn list_snapshots(
        state: Option<sessions::SessionState>,
        after: String,
        limit: u32,
    ) -> Result<Vec<sessions::Session>, types::Fault> {
        let state = state.map(imports::session_state);
        let listed = queries::list_snapshots(&mut HostDatabase, state, &after, limit)?;
        Ok(listed.into_iter().map(imports::session).collect())
    }
}

impl routing::Guest for Guest {
    fn plan(
        now: types::Instant,
        inquiry: routing::Inquiry,
    ) -> Result<routing::Planned, types::Fault> {
        let (now, inquiry) = (Instant::parse(now)?, routing_words::inquiry(inquiry)?);
        Ok(routing_words::planned(queries::plan(&mut HostDatabase, now, &inquiry)?))
    }

    fn preview(
        now: types::Instant,
        warehouse: types::WarehouseCode,
        count: u32,
    ) -> Result<Option<routing::CalendarPreview>, types::Fault> {
        let (now, warehouse) = (Instant::parse(now)?, WarehouseCode::parse(warehouse)?);
        let preview = queries::preview(&mut HostDatabase, now, &warehouse, count)?;
        Ok(preview.map(routing_words::preview))
    }
}

impl lifecycle::Guest for Guest {
    fn describe() -> lifecycle::Description {
        let description = operations::describe();
        lifecycle::Description {
            name: description.name.to_owned(),
            version: description.version.to_owned(),
            schema_version: description.schema_version,
        }
    }

    fn migrate(now: types::Instant) -> Result<u32, types::Fault> {
        Ok(operations::migrate(&mut HostDatabase, Instant::parse(now)?)?)
    }
}
