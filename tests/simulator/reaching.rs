//! Worlds must come across what they are there to show: every refusal and every effect, often.

use super::generator::Generator;
use super::model::Model;
use crate::door::words::{Answer, Outcome};
use std::collections::BTreeMap;

const SEEDS: u64 = 150;
const BATCHES: usize = 60;
/// How often each must come.
const OFTEN: usize = 5;

const WANTED: [&str; 48] = [
    "insufficient_stock",
    "unknown_sku",
    "unknown_order",
    "unknown_package",
    "idempotency_conflict",
    "order_exists",
    "already_released",
    "invalid_state",
    "reservation_expired",
    "already_shipped",
    "quantity_exceeds_held",
    "quantity_out_of_bounds",
    "compare_mismatch",
    "unknown_warehouse",
    "unknown_session",
    "session_conflict",
    "session_incomplete",
    "rows_refused",
    "count_ahead",
    "snapshot_stale",
    "count created",
    "count updated",
    "count unchanged",
    "count stale",
    "count short",
    "count less shipped",
    "snapshot awaiting_approval",
    "snapshot open dry",
    "snapshot committed",
    "snapshot again",
    "snapshot with created",
    "snapshot with emptied",
    "snapshot with stale",
    "snapshot with short",
    "snapshot with zeroed",
    "version_mismatch",
    "warehouse_in_use",
    "region_restricted",
    "no_shippable_warehouse",
    "entry created",
    "entry updated",
    "entry unchanged",
    "entry deleted",
    "entry absent",
    "entry holding",
    "one package",
    "many packages",
    "package later",
];

#[test]
fn worlds_come_across_every_refusal_and_effect() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for seed in 0..SEEDS {
        let (mut callers, mut model) = (Generator::new(seed), Model::default());
        for _ in 0..BATCHES {
            let step = callers.step(&model);
            for outcome in model.apply(step.now, &step.commands) {
                for what in came_across(&outcome) {
                    *seen.entry(what).or_default() += 1;
                }
            }
        }
    }
    let seldom = |what: &&str| seen.get(*what).is_none_or(|times| *times < OFTEN);
    let seldom: Vec<&str> = WANTED.into_iter().filter(seldom).collect();
    assert!(seldom.is_empty(), "{seldom:?} are too seldom: {seen:#?}");
}

fn came_across(outcome: &Outcome) -> Vec<String> {
    match &outcome.result {
        Err(refusal) => vec![refusal.code().to_owned()],
        Ok(Answer::Counted(items)) => {
            let mut all: Vec<String> =
                items.iter().map(|it| format!("count {}", it.effect)).collect();
            all.extend(items.iter().any(|it| it.missing > 0).then(|| "count short".to_owned()));
            let less = items.iter().any(|it| it.shipped > 0 && it.effect != "stale");
            all.extend(less.then(|| "count less shipped".to_owned()));
            all
        }
        Ok(Answer::Snapshot(_)) if outcome.replayed => vec!["snapshot again".to_owned()],
        Ok(Answer::Snapshot(report)) => {
            let dry = if report.state == "open" && report.effects.is_some() { " dry" } else { "" };
            let mut all = vec![format!("snapshot {}{dry}", report.state)];
            let effects = report.effects.unwrap_or_default();
            for (name, number) in [
                ("created", effects.created),
                ("emptied", effects.emptied),
                ("stale", effects.stale),
                ("short", effects.short),
                ("zeroed", effects.zeroed),
            ] {
                all.extend((number > 0).then(|| format!("snapshot with {name}")));
            }
            all
        }
        Ok(Answer::Catalog(changed)) => {
            let holding = changed.iter().any(|it| !it.holding.is_empty());
            let effects = changed.iter().map(|it| format!("entry {}", it.effect));
            effects.chain(holding.then(|| "entry holding".to_owned())).collect()
        }
        Ok(Answer::Order(order)) => {
            let placed = order.packages.iter().filter(|it| it.promised_ship_at.is_some()).count();
            let number = ["no package", "one package", "many packages"][placed.min(2)];
            let ends = order.expires_at.filter(|_| placed > 0);
            let later =
                order.packages.iter().any(|it| it.promised_ship_at > ends && ends.is_some());
            let later = later.then(|| "package later".to_owned());
            std::iter::once(number.to_owned()).chain(later).collect()
        }
        Ok(_) => Vec::new(),
    }
}
