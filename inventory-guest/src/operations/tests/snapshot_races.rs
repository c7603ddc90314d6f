//! Shipments, counts and snapshots in any order, against a model that knows each shipment: on hand
//! is right to the unit.

use super::counting::count;
use super::snapshots::{begin, commit, page};
use super::*;
use crate::domain::Operation;
use crate::domain::change::ChangeKind;
use crate::operations::queries::list_changes;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SKUS: [&str; 4] = ["A", "B", "C", "D"];
const LINES_OF_A_PAGE: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    /// An order is placed, and leaves at once or stays held.
    Order { sku: usize, units: u32, leaves: bool },
    /// A sku is counted: so long ago, without the last shipments, if the lag is told.
    Count { sku: usize, units: u32, age: i64, lag: Option<u64> },
    /// A snapshot begins, likewise; a sku without units is not named.
    Begin { units: [u32; 4], age: i64, lag: Option<u64> },
    /// One of the pages of one of the snapshots comes, perhaps again.
    Page { snapshot: usize, page: usize },
    /// All of its pages come, and it is committed.
    Commit { snapshot: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let sku = 0..SKUS.len();
    let units = || prop_oneof![2 => Just(0_u32), 3 => 1_u32..20];
    let lag = || prop_oneof![1 => Just(None), 3 => (0_u64..6).prop_map(Some)];
    prop_oneof![
        4 => (sku.clone(), 1_u32..5, prop::bool::weighted(0.7))
            .prop_map(|(sku, units, leaves)| Step::Order { sku, units, leaves }),
        2 => (sku, units(), 0_i64..8, lag())
            .prop_map(|(sku, units, age, lag)| Step::Count { sku, units, age, lag }),
        2 => ([units(), units(), units(), units()], 0_i64..8, lag())
            .prop_map(|(units, age, lag)| Step::Begin { units, age, lag }),
        2 => (0_usize..4, 0_usize..2).prop_map(|(snapshot, page)| Step::Page { snapshot, page }),
        3 => (0_usize..4).prop_map(|snapshot| Step::Commit { snapshot }),
    ]
}

/// A count as the model has it: when, and the last shipment that it has seen.
type Moment = (i64, u64);

struct Announced {
    name: String,
    moment: Moment,
    counted: BTreeMap<usize, u32>,
    pages: Vec<String>,
    is_done: bool,
}

/// What on hand must be, from every shipment there ever was.
#[derive(Default)]
struct Model {
    on_hand: [u32; 4],
    held: [u32; 4],
    /// Time, sequence, sku, units.
    shipments: Vec<(i64, u64, usize, u32)>,
    last: [Option<Moment>; 4],
    last_snapshot: Option<Moment>,
    last_seq: u64,
    last_at: i64,
}

impl Model {
    /// Reads on in the feed, and believes nothing in it but that units have left.
    fn follow(&mut self, shop: &mut Shop) {
        for change in list_changes(&mut shop.database, self.last_seq, 1_000).unwrap() {
            let sku = SKUS.iter().position(|it| *it == change.sku.as_str()).unwrap();
            self.last_seq = change.seq;
            self.last_at = change.at.as_milliseconds();
            let left = change.kind == ChangeKind::Moved(Operation::Ship);
            if let (true, Some(before)) = (left, change.before.on_hand) {
                let units = before - change.after.on_hand.unwrap();
                self.shipments.push((self.last_at, change.seq, sku, units));
                self.on_hand[sku] -= units;
                self.held[sku] -= units;
            }
        }
    }

    fn moment(&self, as_of: i64, watermark: Option<u64>, all: &[(i64, u64)]) -> Moment {
        let until = || all.iter().filter(|it| it.0 <= as_of).map(|it| it.1).max().unwrap_or(0);
        (as_of, watermark.unwrap_or_else(until).min(self.last_seq))
    }

    fn count(&mut self, sku: usize, units: u32, moment: Moment) {
        let since = self.shipments.iter().filter(|it| it.2 == sku && it.1 > moment.1);
        let there = units.saturating_sub(since.map(|it| it.3).sum());
        self.on_hand[sku] = there.max(self.held[sku]);
    }

    fn is_newer(&self, sku: usize, moment: Moment) -> bool {
        self.last[sku].is_none_or(|last| moment > last)
            && self.last_snapshot.is_none_or(|last| moment > last)
    }
}

struct World {
    shop: Shop,
    model: Model,
    snapshots: Vec<Announced>,
    /// Times and sequences of the whole feed.
    feed: Vec<(i64, u64)>,
    now: i64,
    number: u32,
}

impl World {
    fn new() -> Self {
        let mut shop = Shop::with("A*99 B*99 C*99 D*99 A@W1*9 B@W1*9 C@W1*9 D@W1*9");
        let mut model = Model { on_hand: [9; 4], ..Model::default() };
        model.follow(&mut shop);
        let feed = (1..=model.last_seq).map(|seq| (0, seq)).collect();
        Self { shop, model, snapshots: Vec::new(), feed, now: 10, number: 0 }
    }

    fn take(&mut self, step: &Step) {
        self.now += 1;
        self.number += 1;
        match step {
            Step::Order { sku, units, leaves } => self.order(*sku, *units, *leaves),
            Step::Count { sku, units, age, lag } => {
                let (when, moment) = self.when(*age, *lag);
                self.shop.tell(self.now, &count(&when, &format!("{}*{units}", SKUS[*sku])));
                // Without a watermark only a later time is newer.
                let since = if lag.is_some() { moment } else { (moment.0, 0) };
                if self.model.is_newer(*sku, since) {
                    self.model.count(*sku, *units, moment);
                    self.model.last[*sku] = Some(moment);
                }
            }
            Step::Begin { units, age, lag } => self.begin(units, *age, *lag),
            Step::Page { snapshot, page: number } => {
                if let Some(it) = self.snapshots.get(*snapshot) {
                    let number = number % it.pages.len();
                    let name = it.name.clone();
                    let rows = it.pages[number].clone();
                    let number = u32::try_from(number).unwrap() + 1;
                    self.shop.tell(self.now, &page(&name, number, &rows));
                }
            }
            Step::Commit { snapshot } => self.commit(*snapshot),
        }
        self.model.follow(&mut self.shop);
        let known = self.feed.len() as u64;
        self.feed.extend((known + 1..=self.model.last_seq).map(|seq| (self.now, seq)));
        for (sku, name) in SKUS.iter().enumerate() {
            let asked = vec![crate::domain::Sku::parse(*name).unwrap()];
            let stock = crate::operations::queries::get_stock(&mut self.shop.database, asked);
            let stock = stock.unwrap().remove(0).unwrap();
            assert_eq!(stock.warehouses[0].on_hand, self.model.on_hand[sku], "{name}: {step:?}");
        }
    }

    fn order(&mut self, sku: usize, units: u32, leaves: bool) {
        let name = format!("O-{}", self.number);
        let placed = deduct(&name, &format!("{}*{units}", SKUS[sku])).shipped();
        let answer = self.shop.tell(self.now, &placed);
        if answer.starts_with("committed") {
            self.model.held[sku] += units;
            if leaves {
                self.shop.tell(self.now, &ship(&name));
            }
        }
    }

    fn when(&self, age: i64, lag: Option<u64>) -> (String, Moment) {
        let as_of = self.now - age;
        let watermark = lag.map(|lag| self.model.last_seq.saturating_sub(lag));
        let text = watermark.map_or(String::new(), |it| format!("#{it}"));
        (format!("W1 at {as_of}{text}"), self.model.moment(as_of, watermark, &self.feed))
    }

    fn begin(&mut self, units: &[u32; 4], age: i64, lag: Option<u64>) {
        let (when, moment) = self.when(age, lag);
        let name = format!("S-{}", self.number);
        let answer = self.shop.tell(self.now, &begin(&name, &when));
        let is_newer = self.model.last_snapshot.is_none_or(|last| moment > last);
        assert_eq!(answer.starts_with("open"), is_newer, "{answer}");
        let counted: BTreeMap<usize, u32> =
            units.iter().copied().enumerate().filter(|it| it.1 > 0).collect();
        if !is_newer || counted.is_empty() {
            return;
        }
        let rows: Vec<String> =
            counted.iter().map(|(sku, units)| format!("{}*{units}", SKUS[*sku])).collect();
        let pages = rows.chunks(LINES_OF_A_PAGE).map(|it| it.join(" ")).collect();
        self.snapshots.insert(0, Announced { name, moment, counted, pages, is_done: false });
    }

    fn commit(&mut self, snapshot: usize) {
        let Some(it) = self.snapshots.get_mut(snapshot) else {
            return;
        };
        let count = u32::try_from(it.pages.len()).unwrap();
        for (number, rows) in (1..=count).rev().zip(it.pages.iter().rev()) {
            self.shop.tell(self.now, &page(&it.name, number, rows));
        }
        let answer = self.shop.tell(self.now, &commit(&it.name, count, 100));
        let (was_done, moment, counted) = (it.is_done, it.moment, it.counted.clone());
        if was_done {
            assert!(answer.starts_with("as before: committed"), "{answer}");
            return;
        }
        let is_newer = self.model.last_snapshot.is_none_or(|last| moment > last);
        assert_eq!(answer.starts_with("committed"), is_newer, "{answer}");
        if is_newer {
            self.snapshots[snapshot].is_done = true;
            for sku in 0..SKUS.len() {
                if self.model.is_newer(sku, moment) {
                    self.model.count(sku, counted.get(&sku).copied().unwrap_or(0), moment);
                }
            }
            self.model.last_snapshot = Some(moment);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn on_hand_is_right_to_the_unit(steps in vec(step(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
    }
}
