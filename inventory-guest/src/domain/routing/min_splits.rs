//! The fewest packages: which warehouses together have everything, and are the fewest.
//!
//! Primary warehouses first give all they can, as few of them as can; backup ones give the rest,
//! again as few as can. Among equally few, the first in the order of `Priority` win: those of which
//! the best-ranked is best, then the second, and so on. The search is exact while it is cheap. When
//! its steps are used up, which depends on the numbers alone, the set that grew by always taking
//! the warehouse with the most of what is missing stands.

use super::Supply;
use rustc_hash::FxHashMap;

/// Sites looked at before the exact search gives up: about 40 µs in the guest.
const STEPS_MAX: usize = 4_000;

/// The warehouses to take, sorted. Adds to `closed` those that would be, were they not closed.
pub(super) fn choose(
    supplies: &[Supply],
    requested: &[u64],
    closed: &mut Vec<usize>,
    is_open: &mut impl FnMut(usize) -> bool,
) -> Vec<usize> {
    let ranking = Ranking::new(supplies, requested);
    let mut is_closed = vec![false; ranking.warehouses.len()];
    loop {
        let mut all_open = true;
        let chosen = ranking.choose_unless(&is_closed);
        for &place in &chosen {
            let warehouse = ranking.warehouses[place];
            if !is_open(warehouse) {
                closed.push(warehouse);
                is_closed[place] = true;
                all_open = false;
            }
        }
        if all_open {
            let mut chosen: Vec<_> = chosen.iter().map(|&it| ranking.warehouses[it]).collect();
            chosen.sort_unstable();
            return chosen;
        }
    }
}

/// The warehouses that have some of what is requested, and what they have.
struct Ranking {
    /// Best first. A warehouse's index here is its place.
    warehouses: Vec<usize>,
    /// How many of them are primary; the others are backups.
    primaries: usize,
    /// For each supply that has sites and is requested.
    needs: Vec<Need>,
}

#[derive(Clone)]
struct Need {
    /// Units that are still wanted. Negative: more than that have been taken.
    outstanding: i64,
    /// Places and units, sorted.
    sites: Vec<(usize, i64)>,
}

impl Ranking {
    fn new(supplies: &[Supply], requested: &[u64]) -> Self {
        let mut ranked = Vec::new();
        let mut first_seen: FxHashMap<usize, usize> = FxHashMap::default();
        let mut needs = Vec::with_capacity(supplies.len());
        for (supply, requested) in supplies.iter().zip(requested) {
            let wanted = u64::from(supply.sellable).min(*requested);
            let outstanding = i64::try_from(wanted).expect("what is sellable fits in 32 bits");
            let mut sites = Vec::new();
            for site in supply.sites.iter().flatten().filter(|it| it.free > 0 && wanted > 0) {
                let seen = *first_seen.entry(site.warehouse).or_insert_with(|| {
                    ranked.push((site.rank, site.code, site.warehouse, ranked.len()));
                    ranked.len() - 1
                });
                sites.push((seen, i64::from(site.free)));
            }
            needs.push(Need { outstanding, sites });
        }
        ranked.sort_unstable();
        let mut places = vec![0; ranked.len()];
        for (place, (.., seen)) in ranked.iter().enumerate() {
            places[*seen] = place;
        }
        for need in &mut needs {
            for (place, _) in &mut need.sites {
                *place = places[*place];
            }
            need.sites.sort_unstable();
        }
        let primaries = ranked.partition_point(|(rank, ..)| !rank.is_backup());
        let warehouses = ranked.iter().map(|(_, _, warehouse, _)| *warehouse).collect();
        Self { warehouses, primaries, needs }
    }

    /// The places of the warehouses to take, if these are closed.
    fn choose_unless(&self, is_closed: &[bool]) -> Vec<usize> {
        let (mut primary, mut backup) = (Vec::new(), Vec::new());
        for need in &self.needs {
            let open = need.sites.iter().filter(|(place, _)| !is_closed[*place]);
            let (primaries, backups) = open.partition(|(place, _)| *place < self.primaries);
            let missing = add_need(&mut primary, need.outstanding, primaries);
            add_need(&mut backup, missing, backups);
        }
        let mut chosen = fewest(primary, self.warehouses.len());
        chosen.extend(fewest(backup, self.warehouses.len()));
        chosen
    }
}

/// Adds a need, as far as the sites can meet it. Answers what they cannot.
fn add_need(needs: &mut Vec<Need>, wanted: i64, sites: Vec<(usize, i64)>) -> i64 {
    let lying: i64 = sites.iter().map(|(_, free)| free).sum();
    let outstanding = wanted.min(lying);
    if outstanding > 0 {
        needs.push(Need { outstanding, sites });
    }
    wanted - outstanding
}

/// The fewest warehouses that meet all needs, in order of their places.
fn fewest(needs: Vec<Need>, warehouses: usize) -> Vec<usize> {
    if needs.is_empty() {
        return vec![];
    }
    let mut met = vec![0; warehouses];
    for need in &needs {
        for (place, _) in need.sites.iter().filter(|(_, free)| *free >= need.outstanding) {
            met[*place] += 1;
        }
    }
    if let Some(one) = met.iter().position(|met| *met == needs.len()) {
        return vec![one];
    }
    let mut cover = Cover::new(needs, warehouses);
    let grown = cover.grow();
    if grown.len() * cover.gives.len() > STEPS_MAX {
        // The steps would not suffice for one set.
        return grown;
    }
    for count in cover.fewest_thinkable().max(2)..=grown.len() {
        match cover.first_of(count) {
            Ok(Some(chosen)) => return chosen,
            Ok(None) => {}
            Err(TooDear) => break,
        }
    }
    grown
}

/// Needs, and who can meet them.
struct Cover {
    needs: Vec<Need>,
    /// The needs that each warehouse can meet, and with how much: those of one place together.
    gives: Vec<(usize, i64)>,
    /// Where a place's `gives` begin, and the next one's.
    begins: Vec<usize>,
    /// Warehouses that the search may not take (any more).
    barred: Vec<bool>,
    /// Those of them that are to be unbarred on the way back.
    trail: Vec<usize>,
    steps_left: usize,
}

/// The search has used up its steps.
struct TooDear;

impl Cover {
    fn new(needs: Vec<Need>, warehouses: usize) -> Self {
        let mut begins = vec![0; warehouses + 1];
        for (place, _) in needs.iter().flat_map(|need| &need.sites) {
            begins[place + 1] += 1;
        }
        for place in 0..warehouses {
            begins[place + 1] += begins[place];
        }
        let mut ends = begins.clone();
        let mut gives = vec![(0, 0); begins[warehouses]];
        for (number, need) in needs.iter().enumerate() {
            for (place, free) in &need.sites {
                gives[ends[*place]] = (number, *free);
                ends[*place] += 1;
            }
        }
        let barred = vec![false; warehouses];
        Self { needs, gives, begins, barred, trail: vec![], steps_left: STEPS_MAX }
    }

    fn gives_of(&self, place: usize) -> std::ops::Range<usize> {
        self.begins[place]..self.begins[place + 1]
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
        let mut gains: Vec<i64> = (0..self.barred.len()).map(|place| self.gain(place)).collect();
        let mut chosen = Vec::new();
        loop {
            let most = gains.iter().enumerate().filter(|(_, gain)| **gain > 0);
            let most = most.max_by_key(|(place, gain)| (**gain, usize::MAX - place));
            let Some((place, _)) = most else { break };
            chosen.push(place);
            self.take_and_lower(place, &mut gains);
        }
        chosen.sort_unstable();
        for index in (0..chosen.len()).rev() {
            let place = chosen[index];
            self.give_back(place);
            if self.is_met() {
                chosen.remove(index);
            } else {
                self.take(place);
            }
        }
        for &place in &chosen {
            self.give_back(place);
        }
        chosen
    }
    /// Units of what is missing that a warehouse has.
    fn gain(&self, place: usize) -> i64 {
        let gives = self.gives[self.gives_of(place)].iter();
        gives.map(|(need, free)| self.needs[*need].outstanding.clamp(0, *free)).sum()
    }

    fn is_met(&self) -> bool {
        self.needs.iter().all(|need| need.outstanding <= 0)
    }

    fn take(&mut self, place: usize) {
        for (need, free) in &self.gives[self.gives_of(place)] {
            self.needs[*need].outstanding -= free;
        }
    }

    /// Takes a warehouse, and makes the gains right again; its own is then not above zero.
    fn take_and_lower(&mut self, place: usize, gains: &mut [i64]) {
        for (need, free) in &self.gives[self.gives_of(place)] {
            let need = &mut self.needs[*need];
            let before = need.outstanding;
            need.outstanding -= free;
            for (other, free) in &need.sites {
                gains[*other] -= before.clamp(0, *free) - need.outstanding.clamp(0, *free);
            }
        }
        gains[place] = 0;
    }

    fn give_back(&mut self, place: usize) {
        for (need, free) in &self.gives[self.gives_of(place)] {
            self.needs[*need].outstanding += free;
        }
    }

    /// The first, in the order of places, of all sets of so many warehouses that meet all needs.
    fn first_of(&mut self, count: usize) -> Result<Option<Vec<usize>>, TooDear> {
        if !self.is_met_by(count)? {
            return Ok(None);
        }
        let mut chosen = Vec::with_capacity(count);
        for place in 0..self.barred.len() {
            if chosen.len() == count {
                break;
            }
            // From here on a warehouse is either chosen or left out for good.
            self.barred[place] = true;
            if self.gain(place) > 0 {
                self.take(place);
                if self.is_met_by(count - chosen.len() - 1)? {
                    chosen.push(place);
                } else {
                    self.give_back(place);
                }
            }
        }
        assert_eq!(chosen.len(), count, "a set of so many was found before");
        Ok(Some(chosen))
    }

    /// Whether so many warehouses, none of them barred, can meet what is outstanding. Tries those
    /// that can meet the need which the fewest can.
    fn is_met_by(&mut self, count: usize) -> Result<bool, TooDear> {
        let Some(need) = self.hardest(count)? else {
            return Ok(self.is_met());
        };
        let trail = self.trail.len();
        let mut is_met = Ok(false);
        for index in 0..self.needs[need].sites.len() {
            let place = self.needs[need].sites[index].0;
            if self.barred[place] {
                continue;
            }
            // What has been tried need not be tried again together with a later one.
            self.barred[place] = true;
            self.trail.push(place);
            self.take(place);
            is_met = self.is_met_by(count - 1);
            self.give_back(place);
            if !matches!(is_met, Ok(false)) {
                break;
            }
        }
        for place in self.trail.drain(trail..) {
            self.barred[place] = false;
        }
        is_met
    }

    /// The need that the fewest warehouses can meet. `None`: all are met, or one cannot be by so
    /// many warehouses.
    fn hardest(&mut self, count: usize) -> Result<Option<usize>, TooDear> {
        let mut hardest: Option<(usize, usize)> = None;
        for (number, need) in self.needs.iter().enumerate() {
            if need.outstanding <= 0 {
                continue;
            }
            self.steps_left = self.steps_left.checked_sub(need.sites.len()).ok_or(TooDear)?;
            let open = need.sites.iter().filter(|(place, _)| !self.barred[*place]);
            let (mut sites, mut lying, mut most) = (0, 0, 0);
            for (_, free) in open {
                (sites, lying, most) = (sites + 1, lying + free, most.max(*free));
            }
            let thinkable = i64::try_from(count).map_or(i64::MAX, |count| most * count);
            if lying.min(thinkable) < need.outstanding {
                return Ok(None);
            }
            if hardest.is_none_or(|(_, fewest)| sites < fewest) {
                hardest = Some((number, sites));
            }
        }
        Ok(hardest.map(|(number, _)| number))
    }
}
