//! Many callers at once, over HTTP: never oversold, one effect for one request.

use std::sync::{Barrier, Mutex};

use serde_json::{Value, json};

use crate::harness::{Answer, Host, one_line};

/// Callers that send at the same time.
const CALLERS: usize = 50;

/// Sends `requests` requests from `CALLERS` threads that start together; the answers, in no order.
fn all_at_once(
    host: &Host,
    requests: usize,
    request: impl Fn(usize) -> (String, Value) + Sync,
) -> Vec<Answer> {
    let callers = CALLERS.min(requests);
    let (barrier, answers) = (Barrier::new(callers), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for caller in 0..callers {
            let (barrier, answers, request) = (&barrier, &answers, &request);
            scope.spawn(move || {
                barrier.wait();
                let mine = (caller..requests).step_by(callers).map(|number| {
                    let (path, body) = request(number);
                    host.post(&path, &body)
                });
                let mine: Vec<Answer> = mine.collect();
                answers.lock().unwrap().extend(mine);
            });
        }
    });
    answers.into_inner().unwrap()
}

fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[test]
fn ten_thousand_requests_for_the_last_hundred_units_sell_exactly_a_hundred() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("HOT", 100);
    let answers = all_at_once(&host, 10_000, |number| {
        (format!("/v1/orders/O-{number}/deduct"), one_line("HOT", 1))
    });
    assert_eq!((count(&answers, 200), count(&answers, 409)), (100, 9_900));
    assert_eq!(host.sellable("HOT"), 0);
    host.assert_audit_is_clean();
}

#[test]
fn one_unit_has_one_buyer_however_many_want_it() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    for buyers in [1, 2, 100] {
        let sku = format!("LAST-{buyers}");
        host.set_sellable(&sku, 1);
        let answers = all_at_once(&host, buyers, |buyer| {
            (format!("/v1/orders/{sku}-{buyer}/reserve"), one_line(&sku, 1))
        });
        assert_eq!((count(&answers, 200), count(&answers, 409)), (1, buyers - 1));
    }
    host.assert_audit_is_clean();
}

#[test]
fn the_same_request_fifty_times_at_once_has_one_effect_and_equal_answers() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 100);
    let answers =
        all_at_once(&host, 50, |_| ("/v1/orders/SAME/reserve".to_owned(), one_line("TEA", 3)));
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert_eq!(host.sellable("TEA"), 97);
    host.assert_audit_is_clean();
}

#[test]
fn different_bodies_under_one_id_at_once_have_one_winner() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 1_000);
    let answers = all_at_once(&host, 20, |number| {
        let quantity = u32::try_from(number + 1).unwrap();
        ("/v1/orders/CONTESTED/reserve".to_owned(), one_line("TEA", quantity))
    });
    assert_eq!((count(&answers, 200), count(&answers, 409)), (1, 19), "{answers:?}");
    let conflicts = answers.iter().filter(|answer| answer.body["code"] == "idempotency_conflict");
    assert_eq!(conflicts.count(), 19);
    let order = host.get("/v1/orders/CONTESTED");
    let held = order.body["lines"][0]["reserved"].as_u64().unwrap();
    assert_eq!(host.sellable("TEA"), 1_000 - held);
}

#[test]
fn every_operation_on_one_order_at_once_leaves_every_invariant() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 1_000);
    for order in 0..20 {
        let path = format!("/v1/orders/RACE-{order}");
        assert_eq!(host.post(&format!("{path}/reserve"), &one_line("TEA", 5)).status, 200);
        let operations = [
            ("confirm", json!({})),
            ("ship", json!({})),
            ("release", json!({"reason": "cancel"})),
            ("extend", json!({"ttl_s": 60})),
        ];
        let answers = all_at_once(&host, operations.len(), |number| {
            let (operation, body) = &operations[number];
            (format!("{path}/{operation}"), body.clone())
        });
        assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)), "{answers:?}");
    }
    host.assert_audit_is_clean();
}

#[test]
fn a_caller_reads_its_own_writes_through_the_cache() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let skus = 8;
    for sku in 0..skus {
        host.set_sellable(&format!("S-{sku}"), 10_000);
    }
    std::thread::scope(|scope| {
        for sku in 0..skus {
            let host = &host;
            scope.spawn(move || {
                let name = format!("S-{sku}");
                for sold in 1..=200 {
                    assert_eq!(host.deduct(&format!("W-{sku}-{sold}"), &name, 1).status, 200);
                    assert_eq!(host.sellable(&name), 10_000 - sold);
                }
            });
        }
    });
}
