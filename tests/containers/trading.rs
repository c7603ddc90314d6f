//! A short day of a warehouse, and what must be left of it after the server was stopped.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::caller::Caller;
use crate::harness::one_line;

/// What is there to be sold while the server is stopped.
const CUPS: u64 = 1_000_000;
const SELLERS: usize = 4;
/// Sales before the server is stopped.
const SALES_MIN: usize = 100;

fn order(caller: &Caller, order: &str, operation: &str, body: &Value) -> Value {
    let answer = caller.post(&format!("/v1/orders/{order}/{operation}"), body);
    assert_eq!(answer.status, 200, "{operation} {order}: {answer:?}");
    answer.body["state"].clone()
}

fn set(caller: &Caller, sku: &str, quantity: u64) {
    let item = json!({"sku": sku, "sellable": {"set": quantity}});
    let answer = caller.post("/v1/stock/adjust", &json!({"reason": "initial", "items": [item]}));
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn sellable(caller: &Caller, sku: &str) -> u64 {
    caller.get(&format!("/v1/stock/{sku}")).body["sellable"].as_u64().unwrap()
}

/// Reserves, confirms and ships one order, and refuses another.
pub(crate) fn trade(caller: &Caller) {
    set(caller, "TEA", 10);
    assert_eq!(order(caller, "O-1", "reserve", &one_line("TEA", 3)), "reserved");
    assert_eq!(order(caller, "O-1", "confirm", &json!({})), "committed");
    assert_eq!(order(caller, "O-1", "ship", &json!({})), "shipped");
    let refused = caller.post("/v1/orders/O-2/reserve", &one_line("TEA", 8));
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("insufficient_stock")));
}

/// What [`trade`] did is there, and asked for again it is answered as before.
pub(crate) fn assert_trade_is_kept(caller: &Caller) {
    assert_eq!(caller.get("/v1/orders/O-1").body["state"], "shipped");
    assert_eq!(sellable(caller, "TEA"), 7);
    let again = caller.post("/v1/orders/O-2/reserve", &one_line("TEA", 8));
    assert_eq!((again.status, again.replayed), (409, true));
}

/// Sells cups one by one until `stop`, called in the middle of it, has ended the server; the orders
/// that were acknowledged.
pub(crate) fn sell_until(caller: &Caller, stop: impl FnOnce()) -> Vec<String> {
    set(caller, "CUP", CUPS);
    let sold = AtomicUsize::new(0);
    let sell = |order: &String| {
        let path = format!("/v1/orders/{order}/deduct");
        let answer = caller.try_post(&path, &one_line("CUP", 1));
        let acknowledged = answer.is_some_and(|answer| answer.status == 200);
        sold.fetch_add(usize::from(acknowledged), Ordering::Relaxed);
        acknowledged
    };
    thread::scope(|scope| {
        let sellers: Vec<_> = (0..SELLERS)
            .map(|seller| {
                let orders = (0..u32::MAX).map(move |number| format!("C-{seller}-{number}"));
                scope.spawn(move || orders.take_while(sell).collect::<Vec<String>>())
            })
            .collect();
        while sold.load(Ordering::Relaxed) < SALES_MIN {
            assert!(
                !sellers.iter().all(thread::ScopedJoinHandle::is_finished),
                "the server ended by itself"
            );
            thread::yield_now();
        }
        stop();
        sellers.into_iter().flat_map(|seller| seller.join().unwrap()).collect()
    })
}

/// Every acknowledged sale is there; of those that got no answer, one for each seller may be.
pub(crate) fn assert_sales_are_kept(caller: &Caller, orders: &[String]) {
    for order in orders {
        let answer = caller.get(&format!("/v1/orders/{order}"));
        assert_eq!(answer.body["state"], "committed", "{order} was acknowledged: {answer:?}");
    }
    let gone = usize::try_from(CUPS - sellable(caller, "CUP")).unwrap();
    let most = orders.len() + SELLERS;
    assert!((orders.len()..=most).contains(&gone), "{gone} gone, {} acknowledged", orders.len());
    let audit = caller.post("/v1/audit", &json!({}));
    assert_eq!(audit.body["ok"], true, "{audit:?}");
}
