//! What is there against what the books say.

use crate::books::{Books, Counters, Fate};
use crate::difference::{Difference, Differences};
use crate::outcome::State;
use crate::plan::{Plan, units};

/// An order as it was found.
pub struct Found<'a> {
    /// Its state.
    pub state: State,
    /// Each of its lines: the sku, and what became of its units. Units that expired are in none of
    /// the numbers but `quantity`, and so make a difference.
    pub lines: Vec<(&'a str, Fate)>,
}

/// A sku's counters; `None` where it is unknown.
pub fn compare_sku(
    plan: &Plan,
    sku: u32,
    expected: Counters,
    actual: Option<Counters>,
    differences: &mut Differences,
) {
    let subject = || format!("sku {}", plan.sku(sku));
    if actual.is_none() {
        let (what, expected) = ("stock".to_owned(), "known".to_owned());
        let actual = "unknown".to_owned();
        differences.add(Difference { subject: subject(), what, expected, actual });
        return;
    }
    differences.compare(subject, "stock", &Some(expected), &actual);
}

/// An order; `None` where it is unknown.
pub fn compare_order(
    plan: &Plan,
    books: &Books,
    order: u32,
    found: Option<&Found<'_>>,
    differences: &mut Differences,
) {
    let id = &plan.orders[order as usize].id;
    let subject = || format!("order {id}");
    let state = found.map(|found| found.state);
    differences.compare(subject, "state", &books.state(order), &state);
    let (Some(_), Some(found)) = (books.state(order), found) else {
        return;
    };
    for (sku, expected) in books.fates(plan, order) {
        let name = plan.sku(sku);
        let lines = found.lines.iter().filter(|(sku, _)| *sku == name);
        let actual = lines.fold(Fate::default(), |sum, (_, fate)| sum.plus(fate));
        differences.compare(subject, &format!("units of {name}"), &expected, &actual);
    }
    let ordered = units(plan.lines(&plan.orders[order as usize]));
    let found: u64 = found.lines.iter().map(|(_, fate)| fate.quantity).sum();
    differences.compare(subject, "units in all", &ordered, &found);
}
