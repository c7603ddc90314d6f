//! The guest as a component in Wasmtime, over the same SQLite host function.

use std::sync::LazyLock;

use edge_host::{guest::Sqlite, guest::types::Fault, host_functions::sqlite::SqliteHost};
use rusqlite::Connection;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wasmtime::{
    Config, Engine as Compiler, OptLevel, Store,
    component::{Component, HasSelf, Linker, types::ComponentItem},
};
use wit_component::ComponentEncoder;

use self::bindings::{
    Inventory,
    inventory::host::{redis, sqlite},
};
use super::{Answer, Call, Engine, plain_guest, translate::Translate};

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub(super) mod bindings {
    wasmtime::component::bindgen!({ path: "wit", world: "inventory" });
}

/// The guest, which is encoded as a component, validated and compiled once for all tests.
static GUEST: LazyLock<Component> = LazyLock::new(|| {
    let mut encoder = ComponentEncoder::default();
    let named = encoder.validate(true).module(&plain_guest()).unwrap();
    named.adapter(ADAPTER_NAME, ADAPTER).unwrap();
    // Wasmtime itself is compiled without optimisation here (Cargo.toml): it is spared as much.
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None);
    let compiler = Compiler::new(&config).unwrap();
    Component::new(&compiler, encoder.encode().unwrap()).unwrap()
});

/// The functions that the guest imports as a component, as `interface#function`, sorted. Interfaces
/// of which it uses types only have none.
pub(super) fn imports() -> Vec<String> {
    let mut functions = Vec::new();
    for (interface, import) in GUEST.component_type().imports(GUEST.engine()) {
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            panic!("{interface} is not an interface");
        };
        for (name, export) in instance.exports(GUEST.engine()) {
            if matches!(export.ty, ComponentItem::ComponentFunc(_)) {
                functions.push(format!("{interface}#{name}"));
            }
        }
    }
    functions.sort();
    functions
}

pub(super) struct OnWasmtime {
    store: Store<SqliteHost>,
    guest: Inventory,
}

impl OnWasmtime {
    /// The guest over an empty database. WASI's functions trap: the guest has to work without.
    pub(super) fn new() -> Self {
        let mut linker = Linker::new(GUEST.engine());
        Inventory::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
        linker.define_unknown_imports_as_traps(&GUEST).unwrap();
        let host = SqliteHost::new(Connection::open_in_memory().unwrap()).unwrap();
        let mut store = Store::new(GUEST.engine(), host);
        let guest = Inventory::instantiate(&mut store, &GUEST, &linker).unwrap();
        Self { store, guest }
    }
}

impl Engine for OnWasmtime {
    fn call(&mut self, call: &Call) -> Result<Answer, Fault> {
        let (guest, store) = (&self.guest, &mut self.store);
        Ok(match call {
            Call::Describe => {
                let lifecycle = guest.inventory_guest_lifecycle();
                Answer::Described(lifecycle.call_describe(store).unwrap().translate())
            }
            Call::Migrate(now) => {
                let lifecycle = guest.inventory_guest_lifecycle();
                Answer::Migrated(lifecycle.call_migrate(store, *now).unwrap().translate()?)
            }
            Call::Apply(now, commands) => {
                let (export, commands) = (guest.inventory_guest_commands(), commands.clone());
                let commands: Vec<_> = commands.translate();
                Answer::Applied(export.call_apply(store, *now, &commands).unwrap().translate()?)
            }
            Call::GetOrder(order_id) => {
                let orders = guest.inventory_guest_orders();
                Answer::Order(orders.call_get_order(store, order_id).unwrap().translate()?)
            }
            Call::GetStock(skus) => {
                let stock = guest.inventory_guest_stock();
                Answer::Stock(stock.call_get_stock(store, skus).unwrap().translate()?)
            }
            Call::ListChanges { after, limit } => {
                let changes = guest.inventory_guest_changes();
                let listed = changes.call_list_changes(store, *after, *limit).unwrap();
                Answer::Changes(listed.translate()?)
            }
            Call::GetEntry(key) => {
                let (catalog, key) = (guest.inventory_guest_catalog(), key.clone().translate());
                Answer::Entry(catalog.call_get_entry(store, &key).unwrap().translate()?)
            }
            Call::ListEntries(noun, after) => {
                let (catalog, noun) = (guest.inventory_guest_catalog(), (*noun).translate());
                let listed = catalog.call_list_entries(store, noun, "", after, 2).unwrap();
                Answer::Entries(listed.translate()?)
            }
            Call::GetSession(id) => {
                let catalog = guest.inventory_guest_catalog();
                Answer::Session(catalog.call_get_session(store, id).unwrap().translate()?)
            }
            Call::ListStock(after) => {
                let stock = guest.inventory_guest_stock();
                Answer::StockList(stock.call_list_stock(store, after, 3).unwrap().translate()?)
            }
            Call::ListCatalogEvents { after, limit } => {
                let catalog = guest.inventory_guest_catalog();
                let listed = catalog.call_list_catalog_events(store, *after, *limit).unwrap();
                Answer::CatalogEvents(listed.translate()?)
            }
            Call::Audit => {
                let stock = guest.inventory_guest_stock();
                Answer::Audited(stock.call_audit(store).unwrap().translate()?)
            }
        })
    }

    fn connection(&mut self) -> &Connection {
        self.store.data().connection()
    }
}

impl bindings::inventory::guest::types::Host for SqliteHost {}

impl bindings::inventory::guest::entries::Host for SqliteHost {}

impl bindings::inventory::guest::sessions::Host for SqliteHost {}

impl bindings::inventory::guest::counts::Host for SqliteHost {}

impl sqlite::Host for SqliteHost {
    fn execute(
        &mut self,
        statement: String,
        parameters: Vec<sqlite::Value>,
    ) -> Result<u64, sqlite::Error> {
        Sqlite::execute(self, statement, parameters.translate()).translate()
    }

    fn query(
        &mut self,
        statement: String,
        parameters: Vec<sqlite::Value>,
    ) -> Result<sqlite::Rows, sqlite::Error> {
        Sqlite::query(self, statement, parameters.translate()).translate()
    }
}

/// As on a host without a configured Redis.
impl redis::Host for SqliteHost {
    fn execute(&mut self, _: redis::Command) -> Result<redis::Reply, redis::Error> {
        Err(redis::Error::Unavailable(String::new()))
    }

    fn pipeline(
        &mut self,
        _: Vec<redis::Command>,
    ) -> Result<Vec<Result<redis::Reply, redis::Error>>, redis::Error> {
        Err(redis::Error::Unavailable(String::new()))
    }

    fn eval(
        &mut self,
        _: String,
        _: Vec<Vec<u8>>,
        _: Vec<Vec<u8>>,
    ) -> Result<redis::Reply, redis::Error> {
        Err(redis::Error::Unavailable(String::new()))
    }
}
