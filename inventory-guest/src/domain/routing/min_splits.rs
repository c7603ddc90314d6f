//! The fewest packages: which warehouses together have everything, and are the fewest.
//!
//! Primary warehouses first give all they can, as few of them as can; backup ones give the rest,
//! again as few as can. Among equally few, the first in the order of `Priority` win: those of which
//! the best-ranked is best, then the second, and so on. The search is exact while it is cheap. When
//! its steps are used up, which depends on the numbers alone, the set that grew by always taking
//! the warehouse with the most of what is missing stands.

use super::{Rank, Supply};
use crate::domain::WarehouseCode;
use rustc_hash::FxHashMap;

/// Sites looked at before the exact search gives up; a few per microsecond.
const STEPS_MAX: usize = 20_000;

/// The warehouses to take, sorted. Adds to `closed` those that would be, were they not closed.
pub(super) fn choose(
    supplies: &[Supply],
    requested: &[u64],
    closed: &mut Vec<usize>,
    is_open: &mut impl FnMut(usize) -> bool,
) -> Vec<usize> {
    let ranking = ranking(supplies, requested);
    let mut is_closed = vec![false; ranking.len()];
    loop {
        let mut all_open = true;
        let chosen = choose_unless(supplies, requested, &ranking, &is_closed);
        for &at in &chosen {
            if !is_open(ranking[at].warehouse) {
                closed.push(ranking[at].warehouse);
                is_closed[at] = true;
                all_open = false;
            }
        }
        if all_open {
            let mut chosen: Vec<_> = chosen.iter().map(|&at| ranking[at].warehouse).collect();
            chosen.sort_unstable();
            return chosen;
        }
    }
}

/// A warehouse that has some of what is requested.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Ranked<'s> {
    rank: Rank,
    code: &'s WarehouseCode,
    warehouse: usize,
}

/// The warehouses that have something, best first.
fn ranking<'s>(supplies: &[Supply<'s>], requested: &[u64]) -> Vec<Ranked<'s>> {
    let mut ranking: Vec<Ranked> = Vec::new();
    for (supply, requested) in supplies.iter().zip(requested) {
        let having = supply.sites.iter().flatten().filter(|site| site.free > 0 && *requested > 0);
        ranking.extend(having.map(|site| Ranked {
            rank: site.rank,
            code: site.code,
            warehouse: site.warehouse,
        }));
    }
    ranking.sort_unstable();
    ranking.dedup();
    ranking
}

/// The places in the ranking of the warehouses to take, if these are closed.
fn choose_unless(
    supplies: &[Supply],
    requested: &[u64],
    ranking: &[Ranked],
    is_closed: &[bool],
) -> Vec<usize> {
    let at: FxHashMap<usize, usize> =
        ranking.iter().enumerate().map(|(at, ranked)| (ranked.warehouse, at)).collect();
    let primaries = ranking.partition_point(|ranked| !ranked.rank.is_backup());
    let (mut primary, mut backup) = (Cover::new(ranking.len()), Cover::new(ranking.len()));
    for (supply, requested) in supplies.iter().zip(requested) {
        let wanted = (*requested).min(u64::from(supply.sellable));
        let having = supply.sites.iter().flatten().filter(|site| site.free > 0 && wanted > 0);
        let mut sites: Vec<(usize, i64)> = having
            .map(|site| (at[&site.warehouse], i64::from(site.free)))
            .filter(|(at, _)| !is_closed[*at])
            .collect();
        sites.sort_unstable();
        let backups = sites.split_off(sites.partition_point(|(at, _)| *at < primaries));
        let wanted = i64::try_from(wanted).expect("what is sellable fits in 32 bits");
        let missing = primary.add(wanted, sites);
        backup.add(missing, backups);
    }
    let mut chosen = primary.fewest();
    chosen.extend(backup.fewest());
    chosen
}

/// Needs, and who can meet them.
struct Cover {
    needs: Vec<Need>,
    /// For each warehouse, by its place: the needs that it can meet, and how much of them.
    gives: Vec<Vec<(usize, i64)>>,
    /// Warehouses that the search may not take (any more).
    barred: Vec<bool>,
    steps_left: usize,
}

struct Need {
    /// Negative: more than met.
    outstanding: i64,
    /// Places and units, sorted.
    sites: Vec<(usize, i64)>,
}

/// The search has used up its steps.
struct TooDear;

impl Cover {
    fn new(warehouses: usize) -> Self {
        let (gives, barred) = (vec![Vec::new(); warehouses], vec![false; warehouses]);
        Self { needs: Vec::new(), gives, barred, steps_left: STEPS_MAX }
    }

    /// Adds a need, as far as the sites can meet it. Answers what they cannot.
    fn add(&mut self, wanted: i64, sites: Vec<(usize, i64)>) -> i64 {
        let lying: i64 = sites.iter().map(|(_, free)| free).sum();
        let outstanding = wanted.min(lying);
        if outstanding > 0 {
            for (at, free) in &sites {
                self.gives[*at].push((self.needs.len(), *free));
            }
            self.needs.push(Need { outstanding, sites });
        }
        wanted - outstanding
    }

    /// The fewest warehouses that meet all needs, in order of their places.
    fn fewest(mut self) -> Vec<usize> {
        if let Some(one) = (0..self.gives.len()).find(|&at| self.meets_all(at)) {
            return if self.needs.is_empty() { vec![] } else { vec![one] };
        }
        let grown = self.grow();
        for count in self.fewest_thinkable()..=grown.len() {
            match self.first_of(count) {
                Ok(Some(chosen)) => return chosen,
                Ok(None) => {}
                Err(TooDear) => break,
            }
        }
        grown
    }

    fn meets_all(&self, at: usize) -> bool {
        let met =
            self.gives[at].iter().filter(|(need, free)| self.needs[*need].outstanding <= *free);
        met.count() == self.needs.len()
    }

    /// A count that no set of warehouses can be below: each need alone takes as many.
    fn fewest_thinkable(&self) -> usize {
        let count = |need: &Need| {
            let mut free: Vec<i64> = need.sites.iter().map(|(_, free)| *free).collect();
            free.sort_unstable_by(|a, b| b.cmp(a));
            let mut outstanding = need.outstanding;
            let taken = free.iter().take_while(|free| {
                let needed = outstanding > 0;
                outstanding -= **free;
                needed
            });
            taken.count()
        };
        self.needs.iter().map(count).max().unwrap_or(0)
    }

    /// Takes the warehouse with the most of what is missing until nothing is; then leaves out, from
    /// the last, what the others make needless.
    fn grow(&mut self) -> Vec<usize> {
        let mut chosen = Vec::new();
        while self.needs.iter().any(|need| need.outstanding > 0) {
            let left = (0..self.gives.len()).filter(|at| !self.barred[*at]);
            let most = left.max_by_key(|&at| (self.gain(at), usize::MAX - at));
            let most = most.expect("the sites have all that is needed");
            self.take(most);
            self.barred[most] = true;
            chosen.push(most);
        }
        chosen.sort_unstable();
        for index in (0..chosen.len()).rev() {
            let at = chosen[index];
            self.give_back(at);
            if self.needs.iter().any(|need| need.outstanding > 0) {
                self.take(at);
            } else {
                chosen.remove(index);
            }
        }
        for &at in &chosen {
            self.give_back(at);
        }
        self.barred.fill(false);
        chosen
    }

    /// Units of what is missing that a warehouse has.
    fn gain(&self, at: usize) -> i64 {
        let gives = self.gives[at].iter();
        gives.map(|(need, free)| self.needs[*need].outstanding.clamp(0, *free)).sum()
    }

    fn take(&mut self, at: usize) {
        for (need, free) in &self.gives[at] {
            self.needs[*need].outstanding -= free;
        }
    }

    fn give_back(&mut self, at: usize) {
        for (need, free) in &self.gives[at] {
            self.needs[*need].outstanding += free;
        }
    }

    /// The first, in the order of places, of all sets of so many warehouses that meet all needs.
    fn first_of(&mut self, count: usize) -> Result<Option<Vec<usize>>, TooDear> {
        if !self.is_met_by(count)? {
            return Ok(None);
        }
        let mut chosen = Vec::with_capacity(count);
        for at in 0..self.gives.len() {
            if chosen.len() == count {
                break;
            }
            // From here on a warehouse is either chosen or left out for good.
            self.barred[at] = true;
            if self.gain(at) > 0 {
                self.take(at);
                if self.is_met_by(count - chosen.len() - 1)? {
                    chosen.push(at);
                } else {
                    self.give_back(at);
                }
            }
        }
        assert_eq!(chosen.len(), count, "a set of so many was found before");
        Ok(Some(chosen))
    }

    /// Whether so many warehouses, none of them barred, can meet what is outstanding. Tries those
    /// that can meet the need which the fewest can.
    fn is_met_by(&mut self, count: usize) -> Result<bool, TooDear> {
        let mut hardest: Option<(usize, usize)> = None;
        for (number, need) in self.needs.iter().enumerate() {
            if need.outstanding <= 0 {
                continue;
            }
            self.steps_left = self.steps_left.checked_sub(need.sites.len()).ok_or(TooDear)?;
            let open = need.sites.iter().filter(|(at, _)| !self.barred[*at]);
            let (mut sites, mut lying, mut most) = (0, 0, 0);
            for (_, free) in open {
                (sites, lying, most) = (sites + 1, lying + free, most.max(*free));
            }
            let thinkable = i64::try_from(count).map_or(i64::MAX, |count| most * count);
            if lying < need.outstanding || thinkable < need.outstanding {
                return Ok(false);
            }
            if hardest.is_none_or(|(_, fewest)| sites < fewest) {
                hardest = Some((number, sites));
            }
        }
        let Some((need, _)) = hardest else {
            return Ok(true);
        };
        let sites: Vec<usize> = self.needs[need].sites.iter().map(|(at, _)| *at).collect();
        let mut tried = Vec::new();
        let mut is_met = Ok(false);
        for at in sites {
            if self.barred[at] {
                continue;
            }
            // What has been tried need not be tried again together with a later one.
            self.barred[at] = true;
            tried.push(at);
            self.take(at);
            is_met = self.is_met_by(count - 1);
            self.give_back(at);
            if !matches!(is_met, Ok(false)) {
                break;
            }
        }
        for at in tried {
            self.barred[at] = false;
        }
        is_met
    }
}
