//! One data folder: the rules over its file, a transaction for each batch. What `shard/` is in the
//! host, without queues: this program does one thing at a time.

use std::fs;

use inventory_guest::contract::routing as inquiries;
use inventory_guest::contract::{arguments, catalog as words, counting, imports, results};
use inventory_guest::domain;
use inventory_guest::operations::{self, queries};
use inventory_guest::storage::local::LocalDatabase;
use inventory_json::contract::{
    catalog, changes, counts, entries, orders, routing, sessions, stock, types,
};

use crate::clock::Clock;
use crate::failure::Failure;
use crate::owner::{self, Owner};
use crate::settings::Settings;

/// The file in the data folder.
const FILE: &str = "inventory.db";

/// The most commands of a transaction.
pub(crate) use inventory_guest::operations::COMMANDS_MAX;

/// What became of a command, or why nothing did.
pub(crate) type Decided = Result<types::Outcome, types::Fault>;

/// A data folder in use by this process.
pub(crate) struct Shard {
    database: LocalDatabase,
    pub(crate) clock: Clock,
    _owner: Owner,
}

impl Shard {
    /// Opens the folder, made when missing, and brings its tables to this version.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Failure> {
        let folder = &settings.data;
        let unusable = |source| Failure::Folder { path: folder.clone(), source };
        match fs::create_dir(folder) {
            Err(error) if !folder.is_dir() => return Err(unusable(error)),
            _ => {}
        }
        let Some(owner) = Owner::of(folder).map_err(unusable)? else {
            let address = owner::address(folder).map_err(unusable)?;
            return Err(Failure::InUse { path: folder.clone(), address });
        };
        let database = LocalDatabase::open_alone(&folder.join(FILE));
        let database = database.map_err(|it| types::Fault::from(operations::Fault::from(it)))?;
        let clock = Clock::new(settings.now);
        let mut shard = Self { database, clock, _owner: owner };
        shard.migrate()?;
        Ok(shard)
    }

    fn migrate(&mut self) -> Result<(), types::Fault> {
        let now = domain::Instant::parse(self.clock.now())?;
        self.in_transaction(|database| operations::migrate(database, now))?;
        Ok(())
    }

    /// Decides one command; durable when it answers.
    pub(crate) fn decide(&mut self, command: types::Command) -> Decided {
        self.decide_all(vec![command]).pop().expect("one command, one answer")
    }

    /// Decides the commands in order, and makes what follows durable at once. Where they cannot be
    /// decided together, each is alone: only the guilty one gets the fault.
    pub(crate) fn decide_all(&mut self, commands: Vec<types::Command>) -> Vec<Decided> {
        let parsed: Vec<_> =
            commands.into_iter().map(|it| arguments::command(it).map_err(Into::into)).collect();
        let good: Vec<domain::Command> =
            parsed.iter().filter_map(|it| it.as_ref().ok().cloned()).collect();
        let mut decided = match self.apply(&good) {
            Ok(outcomes) => outcomes.into_iter().map(Ok).collect::<Vec<_>>(),
            Err(fault) if good.len() == 1 => vec![Err(fault)],
            Err(_) => good.chunks(1).map(|one| self.apply_one(one)).collect(),
        }
        .into_iter();
        let answer = |parsed: Result<_, types::Fault>| match parsed {
            Ok(_) => decided.next().expect("each command has its answer"),
            Err(fault) => Err(fault),
        };
        parsed.into_iter().map(answer).collect()
    }

    fn apply_one(&mut self, command: &[domain::Command]) -> Decided {
        self.apply(command).map(|mut outcomes| outcomes.pop().expect("one command, one answer"))
    }

    fn apply(&mut self, commands: &[domain::Command]) -> Result<Vec<types::Outcome>, types::Fault> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let now = domain::Instant::parse(self.clock.now())?;
        let applied = self.in_transaction(|it| operations::apply(it, now, commands))?;
        Ok(applied.outcomes.into_iter().map(results::outcome).collect())
    }

    /// `None` where no such order was placed.
    pub(crate) fn order(
        &mut self,
        order_id: String,
    ) -> Result<Option<orders::Order>, types::Fault> {
        let order_id = domain::OrderId::parse(order_id)?;
        let order = queries::get_order(&mut self.database, order_id).map_err(types::Fault::from)?;
        Ok(order.map(results::order))
    }

    /// One for each sku, in order; `None` where it is unknown.
    pub(crate) fn stock(
        &mut self,
        skus: Vec<String>,
    ) -> Result<Vec<Option<stock::SkuStock>>, types::Fault> {
        let skus: Result<Vec<_>, _> = skus.into_iter().map(domain::Sku::parse).collect();
        let found = queries::get_stock(&mut self.database, skus?).map_err(types::Fault::from)?;
        Ok(found.into_iter().map(|found| found.map(results::sku_stock)).collect())
    }

    /// Oldest first.
    pub(crate) fn changes(
        &mut self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<changes::Change>, types::Fault> {
        let listed = queries::list_changes(&mut self.database, after, limit);
        Ok(listed.map_err(types::Fault::from)?.into_iter().map(results::change).collect())
    }

    /// `None` where there is no such entry of the catalog.
    pub(crate) fn entry(
        &mut self,
        key: &entries::EntryKey,
    ) -> Result<Option<catalog::StoredEntry>, types::Fault> {
        let found = queries::get_entry(&mut self.database, &words::key(key)?);
        Ok(found.map_err(types::Fault::from)?.map(words::stored_entry))
    }

    /// In order of their keys.
    pub(crate) fn entries(
        &mut self,
        noun: entries::Noun,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<catalog::StoredEntry>, types::Fault> {
        let noun = words::noun(noun);
        let listed = queries::list_entries(&mut self.database, noun, prefix, after, limit);
        Ok(listed.map_err(types::Fault::from)?.into_iter().map(words::stored_entry).collect())
    }

    /// Oldest first.
    pub(crate) fn catalog_events(
        &mut self,
        after: u64,
        limit: u32,
    ) -> Result<Vec<catalog::CatalogEvent>, types::Fault> {
        let listed = queries::list_catalog_events(&mut self.database, after, limit);
        Ok(listed.map_err(types::Fault::from)?.into_iter().map(words::event).collect())
    }

    /// Skus in order, behind one.
    pub(crate) fn list_stock(
        &mut self,
        after: &str,
        limit: u32,
    ) -> Result<Vec<stock::SkuStock>, types::Fault> {
        let listed = queries::list_stock(&mut self.database, after, limit);
        Ok(listed.map_err(types::Fault::from)?.into_iter().map(results::sku_stock).collect())
    }

    /// What counts did not find though it is held, behind one.
    pub(crate) fn shortages(
        &mut self,
        warehouse: Option<String>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<counts::CountShortage>, types::Fault> {
        let malformed = |fault: domain::Malformed| types::Fault::from(fault);
        let warehouse = warehouse.map(domain::WarehouseCode::parse).transpose();
        let warehouse = warehouse.map_err(malformed)?;
        let listed = queries::list_shortages(&mut self.database, warehouse.as_ref(), after, limit);
        Ok(listed.map_err(types::Fault::from)?.into_iter().map(counting::shortage).collect())
    }

    /// Snapshots in order of their names, behind one.
    pub(crate) fn snapshots(
        &mut self,
        state: Option<sessions::SessionState>,
        after: &str,
        limit: u32,
    ) -> Result<Vec<sessions::Session>, types::Fault> {
        let state = state.map(imports::session_state);
        let listed = queries::list_snapshots(&mut self.database, state, after, limit);
        Ok(listed.map_err(types::Fault::from)?.into_iter().map(imports::session).collect())
    }

    /// `None` where there is no such session.
    pub(crate) fn session(
        &mut self,
        id: String,
    ) -> Result<Option<sessions::Session>, types::Fault> {
        let id = domain::session::SessionId::parse(id)?;
        let found = queries::get_session(&mut self.database, &id).map_err(types::Fault::from)?;
        Ok(found.map(imports::session))
    }

    /// What would become of an order of now.
    pub(crate) fn plan(
        &mut self,
        inquiry: routing::Inquiry,
    ) -> Result<routing::Planned, types::Fault> {
        let now = domain::Instant::parse(self.clock.now())?;
        let inquiry = inquiries::inquiry(inquiry)?;
        let planned = queries::plan(&mut self.database, now, &inquiry);
        Ok(inquiries::planned(planned.map_err(types::Fault::from)?))
    }

    /// When a warehouse ships from now on; `None` where there is none.
    pub(crate) fn preview(
        &mut self,
        warehouse: String,
        count: u32,
    ) -> Result<Option<routing::CalendarPreview>, types::Fault> {
        let now = domain::Instant::parse(self.clock.now())?;
        let warehouse = domain::WarehouseCode::parse(warehouse)?;
        let found = queries::preview(&mut self.database, now, &warehouse, count);
        Ok(found.map_err(types::Fault::from)?.map(inquiries::preview))
    }

    pub(crate) fn audit(&mut self) -> Result<stock::AuditReport, types::Fault> {
        Ok(results::audit_report(queries::audit(&mut self.database).map_err(types::Fault::from)?))
    }

    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut LocalDatabase) -> Result<T, operations::Fault>,
    ) -> Result<T, types::Fault> {
        let database = &mut self.database;
        database.begin().map_err(operations::Fault::from)?;
        let done = work(database).and_then(|it| database.commit().map(|()| it).map_err(Into::into));
        if done.is_err() {
            // SQLite may have rolled back by itself, and then says so.
            let _ = database.rollback();
        }
        Ok(done?)
    }
}
