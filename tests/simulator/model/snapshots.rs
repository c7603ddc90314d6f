//! Snapshots: pages in any order, that count together when all are there; what they do not name is
//! none.

use super::Model;
use super::counts::Moment;
use crate::door::counts::{Effects, Found, Report, Seen, Snapshot, Step};
use crate::door::words::{Answer, Instant, Outcome, Refusal};
use std::collections::{BTreeMap, BTreeSet};

const DAY_MS: Instant = 86_400_000;
/// How long after it began one is known that was committed, also where it awaits approval.
const KNOWN_MS: Instant = 7 * DAY_MS;
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
    /// What `seen` came to when it began.
    watermark: u64,
    began_at: Instant,
    /// From when on its rows, or itself, are to be forgotten.
    forget_at: Instant,
    pages: BTreeMap<u32, Vec<Found>>,
    /// Of each sku the units.
    rows: BTreeMap<String, i64>,
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
            Step::Discard => self.discard(now, name),
        };
        match done {
            Ok((replayed, report)) => Outcome { replayed, result: Ok(Answer::Snapshot(report)) },
            Err(refusal) => Outcome { replayed: false, result: Err(refusal) },
        }
    }

    fn begin(&mut self, now: Instant, name: &str, warehouse: &str, seen: Seen) -> Done {
        self.forget_due(now);
        if let Ok(number) = self.session(name) {
            let it = &self.sessions[number];
            let is_other = it.warehouse != warehouse || it.seen != seen;
            return if is_other {
                Err(Refusal::SessionConflict)
            } else {
                Ok((true, self.known(number)))
            };
        }
        let (_, watermark) = self.check_newer(now, warehouse, seen)?;
        let session = Session {
            name: name.to_owned(),
            warehouse: warehouse.to_owned(),
            seen,
            watermark,
            began_at: now,
            forget_at: now + DAY_MS,
            pages: BTreeMap::new(),
            rows: BTreeMap::new(),
            refused: BTreeMap::new(),
            told: None,
        };
        self.sessions.push(session);
        Ok((false, self.known(self.sessions.len() - 1)))
    }

    fn page(&mut self, now: Instant, name: &str, number: u32, items: &[Found]) -> Done {
        self.session(name)?;
        self.forget_due(now);
        let session = self.session(name)?;
        let it = &mut self.sessions[session];
        match it.pages.get(&number) {
            Some(before) if before == items => return Ok((true, self.known(session))),
            None if it.told.is_none() => it.stage(number, items),
            _ => return Err(Refusal::SessionConflict),
        }
        Ok((false, self.known(session)))
    }

    fn commit(&mut self, now: Instant, name: &str, pages: u32, percent: u32, dry: bool) -> Done {
        let number = self.session(name)?;
        if let Some(told) = &self.sessions[number].told {
            let is_same = told.pages == pages;
            return if is_same { Ok((true, told.clone())) } else { Err(Refusal::SessionConflict) };
        }
        let it = &self.sessions[number];
        let expected: BTreeSet<u32> = (1..=pages).collect();
        let there: BTreeSet<u32> = it.pages.keys().copied().collect();
        if expected != there {
            let missing = expected.difference(&there).copied().collect();
            return Err(Refusal::SessionIncomplete(missing));
        }
        it.check_rows()?;
        let moment = self.check_newer(now, &it.warehouse, it.told_seen())?;
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
        let it = &mut self.sessions[number];
        it.told = Some(report.clone());
        it.forget_at = it.began_at + KNOWN_MS;
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
        let moment = self.check_newer(now, &it.warehouse, it.told_seen())?;
        let effects = self.would_zero(number, moment);
        Ok((false, self.count_all(now, number, moment, effects, false)))
    }

    fn discard(&mut self, now: Instant, name: &str) -> Done {
        let number = self.session(name)?;
        self.sessions[number].forget(now);
        let it = &self.sessions[number];
        let report = match &it.told {
            Some(told) if it.is_committed() => Report { staged: 0, ..told.clone() },
            _ => {
                let report = it.report();
                Report { state: "discarded".to_owned(), pages: 0, ..report }
            }
        };
        self.sessions.retain(|it| it.name != name || it.is_known(now));
        Ok((false, report))
    }

    /// What was told of its commit, or how far it has come.
    fn known(&self, number: usize) -> Report {
        let it = &self.sessions[number];
        it.told.clone().unwrap_or_else(|| it.report())
    }

    fn session(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.sessions.iter().position(|it| it.name == name);
        found.ok_or(Refusal::UnknownSession)
    }

    /// Some of those that are due, the longest due first.
    fn forget_due(&mut self, now: Instant) {
        let mut due: Vec<_> = (self.sessions.iter().enumerate())
            .filter(|(_, it)| it.forget_at <= now)
            .map(|(number, it)| (it.forget_at, number, it.name.clone()))
            .collect();
        due.sort();
        due.truncate(FORGOTTEN_AT_ONCE);
        for (_, number, _) in &due {
            self.sessions[*number].forget(now);
        }
        self.sessions.retain(|it| due.iter().all(|due| due.2 != it.name) || it.is_known(now));
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
            it.rows.get(**sku).is_none_or(|units| *units == 0)
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
        let named = it.rows.iter().map(|(sku, units)| (sku.clone(), *units));
        let unnamed = self.sellable.keys().filter(|sku| is_unnamed(sku));
        let items: Vec<Found> = named.chain(unnamed.map(|sku| (sku.clone(), 0))).collect();
        let counted = self.counted(code, (moment, moment), &items);
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
            self.sessions[session].forget_at = now;
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
            if self.rows.contains_key(sku) {
                self.refused.insert(line, format!("the sku {sku} again"));
            } else {
                self.rows.insert(sku.clone(), *units);
            }
        }
        self.pages.insert(number, items.to_vec());
    }

    fn check_rows(&self) -> Result<(), Refusal> {
        let Report { refused, errors, .. } = self.report();
        if refused > 0 { Err(Refusal::RowsRefused { refused, errors }) } else { Ok(()) }
    }

    /// Forgets its rows, and unless it goes on to be known its pages.
    fn forget(&mut self, now: Instant) {
        self.rows.clear();
        self.refused.clear();
        self.forget_at = self.began_at + KNOWN_MS;
        if !self.is_known(now) {
            self.pages.clear();
        }
    }

    fn is_known(&self, now: Instant) -> bool {
        self.is_committed() && self.forget_at > now
    }

    /// What it has seen, as it was told.
    fn told_seen(&self) -> Seen {
        Seen { watermark: Some(self.watermark), ..self.seen }
    }

    fn report(&self) -> Report {
        let state = self.told.as_ref().map_or("open", |told| told.state.as_str());
        Report {
            name: self.name.clone(),
            warehouse: self.warehouse.clone(),
            seen: self.told_seen(),
            state: state.to_owned(),
            pages: u32::try_from(self.pages.len()).unwrap(),
            staged: self.rows.len() as u64,
            effects: None,
            refused: self.refused.len() as u64,
            errors: self.refused.iter().map(|(line, why)| (*line, why.clone())).collect(),
        }
    }
}
