//! The guest as a core module in WasmEdge: what production runs.

use edge_host::{
    guest::{Guest, GuestModule, types::Fault},
    host_functions::{HostFunctions, WASI_ALLOWED, redis::RedisHost, sqlite::SqliteHost},
    runtime::Binary,
};
use rusqlite::Connection;

use super::{Answer, Call, Engine};

pub(super) struct OnWasmEdge {
    guest: Guest<HostFunctions<SqliteHost>>,
}

impl OnWasmEdge {
    /// The guest over an empty database.
    pub(super) fn new(binary: &Binary) -> Self {
        let module = GuestModule::load(binary, WASI_ALLOWED).unwrap();
        let sqlite = SqliteHost::new(Connection::open_in_memory().unwrap()).unwrap();
        Self {
            guest: module
                .instantiate(HostFunctions { sqlite, redis: RedisHost::unconfigured() })
                .unwrap(),
        }
    }
}

impl Engine for OnWasmEdge {
    fn call(&mut self, call: &Call) -> Result<Answer, Fault> {
        let guest = &mut self.guest;
        Ok(match call {
            Call::Describe => Answer::Described(guest.describe().unwrap()),
            Call::Migrate(now) => Answer::Migrated(guest.migrate(*now).unwrap()?),
            Call::Apply(now, commands) => Answer::Applied(guest.apply(*now, commands).unwrap()?),
            Call::GetOrder(order_id) => Answer::Order(guest.get_order(order_id).unwrap()?),
            Call::GetStock(skus) => Answer::Stock(guest.get_stock(skus).unwrap()?),
            Call::ListChanges { after, limit } => {
                Answer::Changes(guest.list_changes(*after, *limit).unwrap()?)
            }
            Call::GetEntry(key) => Answer::Entry(guest.get_entry(key).unwrap()?),
            Call::ListEntries(noun, after) => {
                Answer::Entries(guest.list_entries(*noun, "", after, 2).unwrap()?)
            }
            Call::GetSession(id) => Answer::Session(guest.get_session(id).unwrap()?),
            Call::ListStock(after) => Answer::StockList(guest.list_stock(after, 3).unwrap()?),
            Call::ListCatalogEvents { after, limit } => {
                Answer::CatalogEvents(guest.list_catalog_events(*after, *limit).unwrap()?)
            }
            Call::Audit => Answer::Audited(guest.audit().unwrap()?),
        })
    }

    fn connection(&mut self) -> &Connection {
        self.guest.instance_mut().host_mut().sqlite.connection()
    }
}
