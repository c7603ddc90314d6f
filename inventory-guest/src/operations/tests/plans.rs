//! Plans and transfers in worlds that are drawn whole, against a model that shares nothing with the
//! guest.

mod model;
mod world;

use super::*;
use crate::domain::{
    Adcode, Answer, Instant, Items, Line, Package, Quantity, Refusal, ShipTo, Shortage, Sku,
    WarehouseCode,
};
use crate::operations::queries::{Inquiry, plan};
use model::{Free, Packed, model};
use proptest::prelude::{prop_assert_eq, proptest};
use world::{Ask, SKUS, World, code, world};

fn packed(packages: &[Package]) -> Vec<Packed> {
    let package = |(number, it): (usize, &Package)| {
        assert_eq!(it.number as usize, number + 1);
        let name = |sku: &Sku| *SKUS.iter().find(|it| **it == sku.as_str()).unwrap();
        let lines = it.lines.iter().map(|it| (name(&it.sku), it.quantity.get())).collect();
        let warehouse = it.warehouse.as_ref().map(|it| it.as_str().to_owned());
        (warehouse, lines, it.promised_ship_at.map(Instant::as_milliseconds))
    };
    packages.iter().enumerate().map(package).collect()
}

fn short(shortages: &[Shortage]) -> Vec<(&str, u64, u64)> {
    shortages.iter().map(|it| (it.sku.as_str(), it.requested, it.available)).collect()
}

/// Plans, places, and moves the first package; says how far it came.
fn play(world: &World, shop: &mut Shop, number: usize, ask: &Ask) {
    let line = |(sku, units): &(usize, u32)| Line {
        sku: Sku::parse(SKUS[*sku]).unwrap(),
        quantity: Quantity::parse(*units).unwrap(),
    };
    let ship_to = ShipTo { adcode: Adcode::parse(ask.to).unwrap(), location: None };
    let inquiry = Inquiry {
        lines: Items::parse(ask.lines.iter().map(line).collect()).unwrap(),
        ship_to: Some(ship_to),
        strategy: ask.strategy,
        allow_partial: ask.partial,
    };
    let planned = plan(&mut shop.database, shop::at(world.now), &inquiry).unwrap();
    let rule = |sku: &usize| Some((SKUS[*sku], world.denies(*sku, ask.to)?));
    let mut skus: Vec<usize> = Vec::new();
    for (sku, _) in &ask.lines {
        if !skus.contains(sku) {
            skus.push(*sku);
        }
    }
    let denied: Vec<_> = skus.iter().filter_map(rule).collect();
    let is_planned = denied.is_empty() || (ask.partial && denied.len() < skus.len());
    let mut free = Free::read(world, shop);
    free.deny(skus.into_iter().filter(|sku| rule(sku).is_some()));
    let (packages, shortages) = model(world, ask, free);

    let named = planned.denied.iter().map(|it| it.sku.as_str());
    assert_eq!(named.collect::<Vec<_>>(), denied.iter().map(|it| it.0).collect::<Vec<_>>());
    for (said, (_, is_it)) in planned.denied.iter().zip(&denied) {
        assert!(is_it(said.rule.as_str()), "{said:?}");
    }
    if is_planned {
        assert_eq!(packed(&planned.packages), packages, "{ask:?}");
        assert_eq!(short(&planned.shortages), shortages, "{ask:?}");
    }

    let lines: Vec<String> =
        ask.lines.iter().map(|(sku, n)| format!("{}*{n}", SKUS[*sku])).collect();
    let order = format!("O-{number}");
    let mut command = reserve(&order, &lines.join(" ")).to(ask.to).by(ask.strategy);
    if ask.partial {
        command = command.partial();
    }
    let outcome = shop.tell_all(world.now, &[command]).outcomes.remove(0).result;
    match outcome {
        Ok(Answer::OrderInPart(answer, it)) => {
            assert!(is_planned && ask.partial && !it.is_empty());
            assert_eq!(it, planned.denied);
            assert_eq!(answer.packages, planned.packages);
            assert_eq!(answer.shortages, planned.shortages);
            move_first(world, shop, &order, ask, &answer.packages);
        }
        Ok(Answer::Order(answer)) => {
            assert!(denied.is_empty());
            assert!(shortages.is_empty() || ask.partial);
            assert_eq!(answer.packages, planned.packages);
            assert_eq!(answer.shortages, planned.shortages);
            move_first(world, shop, &order, ask, &answer.packages);
        }
        Err(Refusal::RegionRestricted(it)) => {
            assert!(!ask.partial || planned.packages.is_empty());
            assert_eq!(it, planned.denied);
        }
        Err(Refusal::InsufficientStock(it) | Refusal::NoShippableWarehouse(it)) => {
            assert!(denied.is_empty() && (!ask.partial || packages.is_empty()));
            assert_eq!(it, planned.shortages);
        }
        other => panic!("{other:?}"),
    }
}

/// A package may move to where a plan of its lines would take all of them, were there no other.
fn move_first(world: &World, shop: &mut Shop, order: &str, ask: &Ask, packages: &[Package]) {
    let target = ask.transfer.index(world.warehouses.len());
    let first = &packages[0];
    let free = Free::read(world, shop);
    let mut wanted: Vec<(usize, u64)> = Vec::new();
    for line in &first.lines {
        let sku = SKUS.iter().position(|it| *it == line.sku.as_str()).unwrap();
        let units = u64::from(line.quantity.get());
        match wanted.iter_mut().find(|(of, _)| *of == sku) {
            Some((_, sum)) => *sum += units,
            None => wanted.push((sku, units)),
        }
    }
    let free = |sku: usize| u64::from(free.sites[sku].get(&target).copied().unwrap_or(0));
    let lacking: Vec<_> = wanted.iter().filter(|(sku, units)| free(*sku) < *units).collect();
    let command = transfer(order, first.number, &code(target));
    let outcome = shop.tell_all(world.now, &[command]).outcomes.remove(0).result;
    let code = WarehouseCode::parse(code(target)).unwrap();
    let serves = world.rank(target, ask.to, ask.strategy).is_some();
    match outcome {
        Ok(Answer::Order(answer)) => {
            let [moved] = &answer.packages[..] else { panic!("{answer:?}") };
            assert_eq!(moved.lines, first.lines);
            assert_eq!(moved.warehouse.as_ref(), Some(&code));
            let promise = moved.promised_ship_at.map(Instant::as_milliseconds);
            assert_eq!(promise, world.promise(target));
            if first.warehouse.as_ref() == Some(&code) {
                assert_eq!(moved, first);
            } else {
                assert_eq!(moved.number as usize, packages.len() + 1);
                assert!(serves && lacking.is_empty());
            }
        }
        Err(Refusal::NoShippableWarehouse(_)) => assert!(!serves),
        Err(Refusal::InsufficientStock(it)) => {
            let expected: Vec<_> =
                lacking.iter().map(|(sku, units)| (SKUS[*sku], *units, free(*sku))).collect();
            assert_eq!(short(&it), expected);
            assert!(serves && !expected.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn a_plan_is_the_models_and_is_what_is_reserved(world in world()) {
        let mut shop = world.open();
        for (number, ask) in world.asks.iter().enumerate() {
            play(&world, &mut shop, number, ask);
        }
        prop_assert_eq!(shop.tell(world.now + 1, &expire(9)), "0 expired");
    }
}
