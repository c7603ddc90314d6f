//! Snapshots: pages in any order, that count together when all are there; what they do not name is
//! none.

use super::Model;
use super::counts::Moment;
use crate::door::counts::{Effects, Found, Report, Seen, Snapshot, Step};
use crate::door::words::{Answer, Instant, Outcome, Refusal};
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: Instant = 86_400_000;
/// Lines are numbered as if every page were full.
const PAGE_LINES: u32 = 1_000;
/// How many sessions that nobody needs each begin and each page forgets.
const FORGOTTEN_AT_ONCE: usize = 2;

/// A snapshot as far as it has come.
#[derive(Clone, Debug)]
pub(super) struct Session {
    name: String,
    warehouse: String,
    seen: Seen,
    began_at: Instant,
    pages: BTreeMap<u32, Vec<Found>>,
    /// Of each sku the first line that names it, and the units.
    rows: BTreeMap<String, (u32, i64)>,
    refused: BTreeMap<u32, String>,
    /// What was told of its commit, which counts or waits.
    told: Option<Report>,
}

type Done = Result<(bool, Report), Refusal>;

impl Model {
    pub(super) fn snapshot(&mut self, now: Instant, snapshot: &Snapshot) -> Outcome {
        let name = &snapshot.name;
        let done = match &snapshot.step {
            Step::Begin { warehouse, seen } => self.begin(now, name, warehouse, *seen),
            Step::Page { number, items } => self.page(now, name, *number, items),
            Step::Commit { pages, zero_percent_max, dry_run } => {
                self.commit(now, name, *pages, *zero_percent_max, *dry_run)
            }
            Step::Approve => self.approve(now, name),
            Step::Discard => self.discard(name),
        };
        match done {
            Ok((replayed, report)) => Outcome { replayed, result: Ok(Answer::Snapshot(report)) },
            Err(refusal) => Outcome { replayed: false, result: Err(refusal) },
        }
    }

    fn begin(&mut self, now: Instant, name: &str, warehouse: &str, seen: Seen) -> Done {
        self.forget_idle(now);
        if let Ok(number) = self.session(name) {
            let it = &self.sessions[number];
            let is_other = it.warehouse != warehouse || it.seen != seen;
            let conflicts = is_other || it.is_committed();
            return if conflicts { Err(Refusal::SessionConflict) } else { Ok((true, it.report())) };
        }
        self.check_newer(now, warehouse, seen)?;
        let session = Session {
            name: name.to_owned(),
            warehouse: warehouse.to_owned(),
            seen,
            began_at: now,
            pages: BTreeMap::new(),
            rows: BTreeMap::new(),
            refused: BTreeMap::new(),
            told: None,
        };
        let report = session.report();
        self.sessions.push(session);
        Ok((false, report))
    }

    fn page(&mut self, now: Instant, name: &str, number: u32, items: &[Found]) -> Done {
        self.forget_idle(now);
        let session = self.session(name)?;
        let it = &mut self.sessions[session];
        if it.told.is_some() {
            return Err(Refusal::SessionConflict);
        }
        match it.pages.get(&number) {
            Some(before) if before == items => return Ok((true, it.report())),
            Some(_) => return Err(Refusal::SessionConflict),
            None => it.stage(number, items),
        }
        Ok((false, it.report()))
    }

    fn commit(&mut self, now: Instant, name: &str, pages: u32, percent: u32, dry: bool) -> Done {
        let number = self.session(name)?;
        if let Some(told) = &self.sessions[number].told {
            return Ok((true, told.clone()));
        }
        let it = &self.sessions[number];
        let expected: BTreeSet<u32> = (1..=pages).collect();
        let there: BTreeSet<u32> = it.pages.keys().copied().collect();
        if expected != there {
            let missing = expected.difference(&there).copied().collect();
            return Err(Refusal::SessionIncomplete(missing));
        }
        it.check_rows()?;
        let moment = self.check_newer(now, &it.warehouse, it.seen)?;
        let effects = self.would_zero(number, moment);
        let waits = effects.zeroed * 100 > effects.stocked * u64::from(percent);
        if dry || !waits {
            return Ok((false, self.count_all(now, number, moment, effects, dry)));
        }
        let report = Report {
            state: "awaiting_approval".to_owned(),
            effects: Some(effects),
            ..self.sessions[number].report()
        };
        self.sessions[number].told = Some(report.clone());
        Ok((false, report))
    }

    fn approve(&mut self, now: Instant, name: &str) -> Done {
        let number = self.session(name)?;
        let it = &self.sessions[number];
        match &it.told {
            None => return Err(Refusal::SessionConflict),
            Some(told) if it.is_committed() => return Ok((true, told.clone())),
            Some(_) => {}
        }
        let moment = self.check_newer(now, &it.warehouse, it.seen)?;
        let effects = self.would_zero(number, moment);
        Ok((false, self.count_all(now, number, moment, effects, false)))
    }

    fn discard(&mut self, name: &str) -> Done {
        let number = self.session(name)?;
        let it = &mut self.sessions[number];
        it.forget_pages();
        let report = it.report();
        if !it.is_committed() {
            self.sessions.remove(number);
        }
        Ok((false, report))
    }

    fn session(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.sessions.iter().position(|it| it.name == name);
        found.ok_or(Refusal::UnknownSession)
    }

    /// Some of those that count, or began more than a day ago, the oldest first.
    fn forget_idle(&mut self, now: Instant) {
        let is_old = |it: &Session| it.began_at < now - DAY_MS;
        let is_idle = |it: &&Session| {
            if it.is_committed() { !it.pages.is_empty() } else { is_old(it) }
        };
        let idle = self.sessions.iter().filter(is_idle);
        let names: Vec<String> = idle.take(FORGOTTEN_AT_ONCE).map(|it| it.name.clone()).collect();
        let idle = self.sessions.iter_mut().filter(|it| names.contains(&it.name));
        idle.for_each(Session::forget_pages);
        self.sessions.retain(|it| it.is_committed() || !names.contains(&it.name));
    }

    /// A snapshot must be newer than the one that counts.
    fn check_newer(&self, now: Instant, warehouse: &str, seen: Seen) -> Result<Moment, Refusal> {
        self.check_warehouse(warehouse)?;
        let this = self.moment(now, seen)?;
        match self.last_count(warehouse, None).filter(|newest| *newest >= this) {
            Some(newest) => Err(Refusal::SnapshotStale { this, newest }),
            None => Ok(this),
        }
    }

    /// How many skus the warehouse stocks, and how many of them would be counted as 0.
    fn would_zero(&self, session: usize, moment: Moment) -> Effects {
        let it = &self.sessions[session];
        let stocked = self.sites.iter().filter(|((_, code), _)| *code == it.warehouse);
        let stocked: Vec<&str> = stocked
            .filter(|(_, site)| site.on_hand > 0)
            .map(|((sku, _), _)| sku.as_str())
            .collect();
        let is_zeroed = |sku: &&&str| {
            let last = self.last_count(&it.warehouse, Some(sku));
            it.rows.get(**sku).is_none_or(|(_, units)| *units == 0)
                && last.is_none_or(|last| moment > last)
        };
        let zeroed = stocked.iter().filter(is_zeroed).count() as u64;
        Effects { stocked: stocked.len() as u64, zeroed, ..Effects::default() }
    }

    fn count_all(
        &mut self,
        now: Instant,
        session: usize,
        moment: Moment,
        mut effects: Effects,
        dry: bool,
    ) -> Report {
        if !dry {
            self.end_due_holds(now, usize::MAX);
        }
        let it = self.sessions[session].clone();
        let code = &it.warehouse;
        let is_unnamed = |sku: &str| {
            let was_missing = self.missing.contains_key(&(code.clone(), sku.to_owned()));
            let on_hand =
                self.sites.get(&(sku.to_owned(), code.clone())).map_or(0, |it| it.on_hand);
            !it.rows.contains_key(sku) && (on_hand > 0 || was_missing)
        };
        let named = it.rows.iter().map(|(sku, (_, units))| (sku.clone(), *units));
        let unnamed = self.sellable.keys().filter(|sku| is_unnamed(sku));
        let items: Vec<Found> = named.chain(unnamed.map(|sku| (sku.clone(), 0))).collect();
        let counted = self.counted(code, moment, &items);
        for it in &counted {
            effects.short += u64::from(it.missing > 0);
            match (it.effect.as_str(), it.after) {
                ("created", _) => effects.created += 1,
                ("updated", 0) => effects.emptied += 1,
                ("updated", _) => effects.updated += 1,
                ("unchanged", _) => effects.unchanged += 1,
                _ => effects.stale += 1,
            }
        }
        let state = if dry { "open" } else { "committed" }.to_owned();
        let report = Report { state, effects: Some(effects), ..it.report() };
        if !dry {
            self.take_over(now, code, moment.0, &counted);
            self.moments.insert((code.clone(), None), moment);
            self.sessions[session].told = Some(report.clone());
        }
        report
    }
}

impl Session {
    fn is_committed(&self) -> bool {
        self.told.as_ref().is_some_and(|told| told.state == "committed")
    }

    fn stage(&mut self, number: u32, items: &[Found]) {
        for (line, (sku, units)) in ((number - 1) * PAGE_LINES + 1..).zip(items) {
            if let Some((first, _)) = self.rows.get(sku) {
                self.refused.insert(line, format!("the key of line {first} again"));
            } else {
                self.rows.insert(sku.clone(), (line, *units));
            }
        }
        self.pages.insert(number, items.to_vec());
    }

    fn check_rows(&self) -> Result<(), Refusal> {
        let Report { refused, errors, .. } = self.report();
        if refused > 0 { Err(Refusal::RowsRefused { refused, errors }) } else { Ok(()) }
    }

    fn forget_pages(&mut self) {
        self.pages.clear();
        self.rows.clear();
        self.refused.clear();
    }

    fn report(&self) -> Report {
        let state = self.told.as_ref().map_or("open", |told| told.state.as_str());
        Report {
            name: self.name.clone(),
            warehouse: self.warehouse.clone(),
            seen: self.seen,
            state: state.to_owned(),
            pages: u32::try_from(self.pages.len()).unwrap(),
            staged: self.rows.len() as u64,
            effects: None,
            refused: self.refused.len() as u64,
            errors: self.refused.iter().map(|(line, why)| (*line, why.clone())).collect(),
        }
    }
}
