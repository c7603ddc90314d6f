//! A consumer of the change feed that believes nothing: every change must continue where the one
//! before left its counters, and all of them together must be the balances.

use super::model::Model;
use crate::door::words::{Change, Quantities};
use std::collections::BTreeMap;

type Scope = (String, Option<String>);

/// The balances so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    pub(super) seq: u64,
    balances: BTreeMap<Scope, Quantities>,
    /// The crossing of zero that the next change must announce.
    crossed: Option<(&'static str, Scope)>,
}

impl Feed {
    /// Takes a change in; the fault says what is wrong with it.
    pub(super) fn take(&mut self, change: &Change) -> Result<(), String> {
        let scope = (change.sku.clone(), change.warehouse.clone());
        let empty = Quantities {
            sellable: change.warehouse.is_none().then_some(0),
            on_hand: change.warehouse.as_ref().map(|_| 0),
            unavailable: change.warehouse.as_ref().map(|_| 0),
            ..Quantities::default()
        };
        let balance = self.balances.get(&scope).copied().unwrap_or(empty);
        if change.seq != self.seq + 1 {
            return Err(format!("a gap after {}: {change:?}", self.seq));
        }
        if change.before != balance {
            return Err(format!("does not continue {balance:?}: {change:?}"));
        }
        let announces = matches!(change.kind.as_str(), "sold_out" | "back_in_stock");
        let said = announces.then(|| (change.kind.as_str(), scope.clone()));
        if said != self.crossed.take() {
            return Err(format!("announces a crossing of zero wrongly, or none: {change:?}"));
        }
        if announces != (change.before == change.after) {
            return Err(format!("moves what it should not, or nothing: {change:?}"));
        }
        if !announces && change.kind != change.cause {
            return Err(format!("names another cause: {change:?}"));
        }
        self.crossed = match (change.before.sellable, change.after.sellable) {
            (Some(1..), Some(0)) => Some(("sold_out", scope.clone())),
            (Some(0), Some(1..)) => Some(("back_in_stock", scope.clone())),
            _ => None,
        };
        self.seq = change.seq;
        self.balances.insert(scope, change.after);
        Ok(())
    }

    /// Compares the balances with what the model says.
    pub(super) fn check(&self, model: &Model) -> Result<(), String> {
        if let Some(crossed) = &self.crossed {
            return Err(format!("nothing announced {crossed:?}"));
        }
        let mut expected: BTreeMap<Scope, Quantities> = BTreeMap::new();
        for sku in model.skus() {
            let stock = model.stock(sku).expect("the model knows its skus");
            let mut own = Quantities {
                sellable: Some(stock.sellable),
                reserved: u32::try_from(stock.reserved).expect("within a counter"),
                committed: u32::try_from(stock.committed).expect("within a counter"),
                ..Quantities::default()
            };
            for site in stock.warehouses {
                own.reserved -= site.reserved;
                own.committed -= site.committed;
                expected.insert(
                    (sku.to_owned(), Some(site.warehouse)),
                    Quantities {
                        sellable: None,
                        on_hand: Some(site.on_hand),
                        unavailable: Some(site.unavailable),
                        reserved: site.reserved,
                        committed: site.committed,
                    },
                );
            }
            expected.insert((sku.to_owned(), None), own);
        }
        // A counter that was made with nothing in it has no change to tell of.
        expected.retain(|scope, all| {
            self.balances.contains_key(scope)
                || [all.sellable, all.on_hand, all.unavailable].iter().any(|it| it.unwrap_or(0) > 0)
        });
        if expected == self.balances {
            Ok(())
        } else {
            Err(format!("the feed folds to\n{:?}\nnot to\n{expected:?}", self.balances))
        }
    }
}
