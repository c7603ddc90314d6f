//! The contract's types as the two generators make them, translated both ways. It compiles only as
//! long as they have the same fields and cases, so a change of the WIT shows here.

use edge_host::guest as core_module;

pub(super) trait Translate<T> {
    fn translate(self) -> T;
}

/// Wasmtime's types, under the paths that ours have.
mod component {
    use super::super::component::bindings;

    pub(super) use bindings::exports::inventory::guest::{
        catalog, changes, commands, lifecycle, orders, stock,
    };
    pub(super) use bindings::inventory::{
        guest::{counts, entries, sessions, types},
        host::sqlite,
    };
}

macro_rules! same {
    ($($type:ty),*) => {$(
        impl Translate<$type> for $type {
            fn translate(self) -> $type {
                self
            }
        }
    )*};
}

macro_rules! translate {
    ($($kind:ident $module:ident::$name:ident $body:tt)*) => {$(
        translate!(@$kind core_module component $module $name $body);
        translate!(@$kind component core_module $module $name $body);
    )*};
    (@record $from:ident $to:ident $module:ident $name:ident { $($field:ident),* }) => {
        impl Translate<$to::$module::$name> for $from::$module::$name {
            fn translate(self) -> $to::$module::$name {
                $to::$module::$name { $($field: self.$field.translate()),* }
            }
        }
    };
    (@variant $from:ident $to:ident $module:ident $name:ident {
        $($case:ident $(($payload:ident))?),*
    }) => {
        impl Translate<$to::$module::$name> for $from::$module::$name {
            fn translate(self) -> $to::$module::$name {
                match self {$(
                    $from::$module::$name::$case $(($payload))? => {
                        $to::$module::$name::$case $(($payload.translate()))?
                    }
                )*}
            }
        }
    };
}

impl<T: Translate<U>, U> Translate<Vec<U>> for Vec<T> {
    fn translate(self) -> Vec<U> {
        self.into_iter().map(T::translate).collect()
    }
}

impl<A: Translate<B>, B> Translate<Option<B>> for Option<A> {
    fn translate(self) -> Option<B> {
        self.map(A::translate)
    }
}

impl<A: Translate<B>, B, E: Translate<F>, F> Translate<Result<B, F>> for Result<A, E> {
    fn translate(self) -> Result<B, F> {
        self.map(A::translate).map_err(E::translate)
    }
}

same!(bool, u8, u16, u32, u64, i32, i64, f64, String);

translate! {
    variant sqlite::Value { Null, Integer(it), Real(it), Text(it), Blob(it) }
    variant sqlite::Cell { Null, Integer(it), Real(it), Text(it), Blob(it) }
    record sqlite::Rows { columns, cells, bytes }
    variant sqlite::ConstraintKind { Unique, NotNull, Check, ForeignKey, Other }
    record sqlite::Constraint { kind, message }
    variant sqlite::Error {
        Busy, Constraint(it), Full, ReadOnly, TooLarge, Interrupted, Other(it)
    }

    variant entries::Noun {
        Warehouse, ServiceArea, Category, Restriction, Calendar, SafetyStock, Division
    }
    record entries::EntryKey { noun, subject, place }
    record entries::Location { latitude_e6, longitude_e6 }
    variant entries::Owner { Own, ThirdParty }
    record entries::Warehouse { name, owner, adcode, location, active }
    record entries::ServiceArea { priority, backup }
    variant entries::Verdict { Allow, Deny }
    record entries::Rule { verdict, from, until, name }
    record entries::Window { from_minute, until_minute }
    record entries::Workday { date, windows }
    record entries::Promotion { from, until, windows }
    record entries::Stop { from, until }
    record entries::Calendar {
        time_zone, weekly, cut_off_minute, handling_minutes, holidays, workdays, promotions, stops
    }
    record entries::Division { name, location }
    variant entries::EntryBody {
        Warehouse(it), ServiceArea(it), Category(it), Restriction(it), Calendar(it),
        SafetyStock(it), Division(it)
    }
    record entries::Entry { subject, place, body }

    record types::Line { sku, quantity }
    variant types::Mode { ReserveOnOrder, DeductOnOrder, DeductOnPayment }
    variant types::Strategy { Priority, Nearest, MinSplits }
    record types::ShipTo { adcode, location }
    variant types::ReleaseReason { Cancel, Refund }
    variant types::OrderState {
        AwaitingPayment, Reserved, Committed, PartiallyShipped, Shipped, PartiallyReleased,
        Released, Expired
    }
    record types::Placement {
        order_id, lines, ship_to, mode, strategy, ttl_s, allow_partial, request_id,
        left_out
    }
    record types::LeftOut { mode, ttl }
    record types::Confirm { order_id, request_id }
    record types::Extend { order_id, ttl_s, request_id }
    record types::Ship { order_id, package, request_id }
    record types::Transfer { order_id, package, warehouse, request_id }
    record types::Release { order_id, reason, lines, request_id }
    variant types::Adjustment { Set(it), Change(it) }
    variant types::Counter { Sellable, OnHand(it), Unavailable(it) }
    record types::AdjustItem { sku, counter, adjustment, compare_quantity }
    record types::Adjust { reason, items, request_id }
    variant types::Command {
        Reserve(it), Confirm(it), Extend(it), Ship(it), Release(it), Deduct(it), Adjust(it),
        Expire(it), Catalog(it), Session(it), Count(it), Transfer(it)
    }
    record counts::Seen { as_of, watermark }
    record counts::CountItem { sku, on_hand }
    record counts::Count { warehouse, reason, seen, items, request_id }
    variant counts::CountEffect { Created, Updated, Unchanged, Stale }
    record counts::Counted { sku, effect, counted, shipped, before, after, held, missing }
    record counts::CountShortage { warehouse, sku, as_of, counted, held, missing }
    record counts::Snapshot { warehouse, seen }
    record counts::SnapshotNumbers { stocked, zeroed, stale, short }
    record counts::Ahead { as_of, now, watermark, last_seq }
    record counts::StaleSnapshot { as_of, watermark, newest_as_of, newest_watermark }
    variant sessions::SessionKind { Catalog(it), Stock, Snapshot(it) }
    record sessions::SessionBegin { session_id, kind, author, reason }
    record sessions::StockRow { sku, warehouse, units, unavailable }
    variant sessions::Row { Entry(it), Stock(it) }
    record sessions::NumberedRow { line, row }
    record sessions::SessionPage { session_id, number, rows }
    record sessions::SessionCommit { session_id, pages, skip_refused, replace, dry_run }
    record sessions::SnapshotCommit { session_id, pages, zero_percent_max, dry_run }
    variant sessions::SessionStep {
        Begin(it), Page(it), Commit(it), Discard(it), CommitSnapshot(it), Approve(it)
    }
    record sessions::RefusedRow { line, why }
    variant sessions::SessionState { Open, Committed, AwaitingApproval, Discarded }
    record sessions::Session {
        session_id, kind, state, pages, staged, created, updated, unchanged, deleted, refused,
        refused_rows, snapshot
    }
    record sessions::RefusedRows { refused, rows }
    variant types::EntryChange { Put(it), Delete(it) }
    variant types::ExpectedVersion { Any, Version(it), Present, OneOf(it) }
    record types::CatalogItem { change, expected_version }
    record types::CatalogChange { author, reason, items, refuse_in_use, dry_run, request_id }
    variant types::EntryEffect { Created, Updated, Unchanged, Deleted, Absent }
    record types::ChangedEntry { key, effect, version, holding }
    record types::WarehouseUse { warehouse, orders }
        record types::Denied { sku, subject, area, rule }
record types::VersionMismatch { key, expected, actual }

    record types::Shortage { sku, requested, available }
    record types::Package { number, warehouse, lines, promised_ship_at }
    record types::OrderAnswer {
        order_id, state, expires_at, packages, shortages, denied, reserved_again
    }
    record types::Adjusted { sku, counter, before, after }
    variant types::Answer {
        Order(it), Adjusted(it), Expired(it), Catalog(it), Session(it), Counted(it)
    }
    record types::OrderInState { state }
    record types::ExpiredHold { expired_at, shortages }
    record types::ShippedUnits { shipped, held }
    record types::Excess { sku, requested, held }
    record types::Bound { sku, counter, requested, minimum, maximum }
    record types::Mismatch { sku, counter, expected, actual }
    variant types::Refusal {
        InsufficientStock(it), UnknownSku(it), UnknownOrder, UnknownPackage(it),
        IdempotencyConflict, OrderExists(it), AlreadyReleased, InvalidState(it),
        ReservationExpired(it), AlreadyShipped(it), QuantityExceedsHeld(it),
        QuantityOutOfBounds(it), CompareMismatch(it), UnknownWarehouse(it), WarehouseInUse(it),
        VersionMismatch(it), UnknownSession, SessionConflict, SessionIncomplete(it),
        SessionFull(it), RowsRefused(it), RegionRestricted(it), NoShippableWarehouse(it),
        CountAhead(it), SnapshotStale(it)
    }
    record types::Outcome { replayed, result }
    variant types::Fault {
        Busy, Full, Interrupted, Malformed(it), Storage(it), Corrupt(it)
    }

    record commands::Applied { outcomes, changed_skus }
    record lifecycle::Description { name, version, schema_version }

    record orders::OrderLine { sku, quantity, reserved, committed, shipped, released, expired }
    record orders::HistoryEntry { at, operation, request_id, outcome }
    record orders::Order { order_id, state, expires_at, lines, packages, history }

    record stock::WarehouseStock { warehouse, on_hand, reserved, committed, unavailable }
    record stock::SkuStock { sku, sellable, reserved, committed, on_hand, warehouses }
    record stock::AuditCounts {
        skus, warehouse_stocks, orders, legs, ledger_rows, catalog_entries, catalog_events
    }
    record stock::Difference { invariant, subject, expected, actual }
    record stock::AuditReport { checked, differences }

    record changes::Quantities { sellable, on_hand, unavailable, reserved, committed }
    record changes::Cause { kind, order_id, reason }
    record changes::Change { seq, at, kind, sku, warehouse, before, after, cause }

    record catalog::StoredEntry { version, entry }
    record catalog::CatalogEvent { seq, at, author, reason, key, before, after }
}
