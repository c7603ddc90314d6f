//! What physically lies in a warehouse: counted and brought in over HTTP, and read from a small
//! stand-in for a warehouse's own system.

mod system;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use system::{Fails, System};

use crate::harness::{Answer, Host, Start};

/// An instant so many seconds from now.
fn at(seconds: i64) -> String {
    let now = std::time::SystemTime::now();
    let shift = Duration::from_secs(seconds.unsigned_abs());
    let then = if seconds < 0 { now - shift } else { now + shift };
    humantime::format_rfc3339_millis(then).to_string()
}

/// A and B lie in W1, ten of each.
fn stocked(host: &Host) {
    let on_hand = |sku| json!({"sku": sku, "warehouse": "W1", "on_hand": {"set": 10}});
    let sellable = |sku| json!({"sku": sku, "sellable": {"set": 50}});
    let items = [on_hand("A"), on_hand("B"), sellable("A"), sellable("B")];
    let answer = host.post("/v1/stock/adjust", &json!({"reason": "initial", "items": items}));
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn on_hand(host: &Host, sku: &str) -> u64 {
    host.get(&format!("/v1/stock/{sku}")).body["on_hand"].as_u64().unwrap()
}

/// Orders units to Shenzhen, and lets them leave; the shipment's event id.
fn ship(host: &Host, order: &str, sku: &str, quantity: u32) -> String {
    let lines = json!([{"sku": sku, "quantity": quantity}]);
    let body = json!({"lines": lines, "ship_to": {"adcode": "440305"}});
    assert_eq!(host.post(&format!("/v1/orders/{order}/deduct"), &body).status, 200);
    assert_eq!(host.post(&format!("/v1/orders/{order}/ship"), &json!({})).status, 200);
    last_event(host)
}

fn last_event(host: &Host) -> String {
    let feed = host.get("/v1/changes?after=0&limit=1000");
    feed.body["changes"].as_array().unwrap().last().unwrap()["event_id"].as_str().unwrap().into()
}

fn put(host: &Host, path: &str, body: &Value) -> Answer {
    let agent = crate::harness::agent();
    crate::harness::read(
        agent.put(format!("http://{}{path}", host.address)).send_json(body).unwrap(),
    )
    .unwrap()
}

#[test]
fn a_count_is_told_what_became_of_it_and_a_shipment_is_deducted_once() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    stocked(&host);
    let before = last_event(&host);
    let shipped = ship(&host, "O-1", "A", 3);
    assert_eq!(on_hand(&host, "A"), 7);
    let count = |as_of: &str, watermark: &str, units: u32| {
        let items = json!([{"sku": "A", "on_hand": units}]);
        let body =
            json!({"warehouse": "W1", "as_of": as_of, "watermark": watermark, "items": items});
        host.post("/v1/stock/count", &body)
    };
    let (first, second) = (at(-20), at(-10));
    let answer = count(&first, &before, 9);
    assert_eq!(answer.body["counted"][0]["shipped"], 3, "{answer:?}");
    assert_eq!(on_hand(&host, "A"), 6);
    assert_eq!(count(&second, &shipped, 8).body["counted"][0]["effect"], "updated");
    assert_eq!(count(&second, &shipped, 8).body["counted"][0]["effect"], "stale");
    assert_eq!(count(&first, &before, 1).body["counted"][0]["effect"], "stale");
    assert_eq!(on_hand(&host, "A"), 8);
    let ahead = count(&at(600), &shipped, 1);
    assert_eq!((ahead.status, &ahead.body["code"]), (422, &json!("count_ahead")), "{ahead:?}");
    let other = count(&at(0), "edge-9:1", 1);
    assert_eq!((other.status, &other.body["pointer"]), (400, &json!("/watermark")), "{other:?}");
    host.assert_audit_is_clean();
}

#[test]
fn what_a_count_does_not_find_is_kept_readable() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    stocked(&host);
    let body = json!({"lines": [{"sku": "A", "quantity": 6}], "ship_to": {"adcode": "440305"}});
    assert_eq!(host.post("/v1/orders/O-1/deduct", &body).status, 200);
    let items = json!([{"sku": "A", "on_hand": 2}, {"sku": "B", "on_hand": 2}]);
    let body = json!({"warehouse": "W1", "as_of": at(0), "items": items});
    let answer = host.post("/v1/stock/count", &body);
    assert_eq!(answer.body["counted"][0]["missing"], 4, "{answer:?}");
    let listed = host.get("/v1/shortages?warehouse=W1");
    let short = &listed.body["shortages"];
    assert_eq!(short.as_array().unwrap().len(), 1, "{listed:?}");
    assert_eq!((&short[0]["sku"], &short[0]["held"]), (&json!("A"), &json!(6)));
    assert_eq!(host.get("/v1/shortages?warehouse=W2").body["shortages"], json!([]));
    assert_eq!(on_hand(&host, "A"), 6);
}

#[test]
fn a_snapshot_comes_in_pages_and_waits_when_it_takes_much_away() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    stocked(&host);
    let watermark = last_event(&host);
    let begin = json!({
        "snapshot": "S-1", "warehouse": "W1", "as_of": at(-5), "watermark": watermark,
    });
    let page = |items: Value| json!({ "items": items });
    let commit = |pages: u32| host.post("/v1/snapshots/S-1/commit", &json!({ "pages": pages }));
    assert_eq!(host.post("/v1/snapshots", &begin).body["state"], "open");
    let second = page(json!([{"sku": "C", "on_hand": 4}]));
    assert_eq!(put(&host, "/v1/snapshots/S-1/pages/2", &second).status, 200);
    let incomplete = commit(2);
    assert_eq!(incomplete.body["code"], "session_incomplete", "{incomplete:?}");
    ship(&host, "O-1", "A", 3);
    let first = page(json!([{"sku": "A", "on_hand": 10}]));
    assert_eq!(put(&host, "/v1/snapshots/S-1/pages/1", &first).status, 200);
    let again = put(&host, "/v1/snapshots/S-1/pages/2", &second);
    assert_eq!((again.status, again.replayed), (200, true), "{again:?}");
    let other = put(&host, "/v1/snapshots/S-1/pages/2", &first);
    assert_eq!(other.body["code"], "session_conflict", "{other:?}");
    let waits = commit(2);
    assert_eq!(waits.body["state"], "awaiting_approval", "{waits:?}");
    assert_eq!(waits.body["effects"]["zeroed"], 1, "{waits:?}");
    assert_eq!((on_hand(&host, "A"), on_hand(&host, "B")), (7, 10));
    let names = |query: &str| -> Vec<Value> {
        let listed = host.get(&format!("/v1/snapshots?{query}"));
        let snapshots = listed.body["snapshots"].as_array().unwrap();
        snapshots.iter().map(|it| it["snapshot"].clone()).collect()
    };
    assert_eq!(names("state=awaiting_approval"), ["S-1"]);
    assert_eq!(names("state=open").len() + names("after=S-1").len(), 0);
    assert_eq!(host.get("/v1/snapshots?limit=1").body["next"], "S-1");
    assert_eq!(host.get("/v1/imports/S-1").status, 404);
    for wrong in ["state=waiting", "limit=101", "limit=0", "since=1", "after=%00"] {
        assert_eq!(host.get(&format!("/v1/snapshots?{wrong}")).status, 400, "{wrong}");
    }
    ship(&host, "O-2", "A", 2);
    let done = host.post("/v1/snapshots/S-1/approve", &json!({}));
    assert_eq!(done.body["state"], "committed", "{done:?}");
    assert_eq!(host.get("/v1/snapshots/S-1").body["effects"], done.body["effects"]);
    assert_eq!(names("state=awaiting_approval").len(), 0);
    assert_eq!((names("state=committed"), names("")), (vec!["S-1".into()], vec!["S-1".into()]));
    let stock = ["A", "B", "C"].map(|sku| on_hand(&host, sku));
    assert_eq!(stock, [5, 0, 4]);
    let older = json!({"snapshot": "S-2", "warehouse": "W1", "as_of": at(-60)});
    assert_eq!(host.post("/v1/snapshots", &older).body["code"], "snapshot_stale");
    host.assert_audit_is_clean();
}

#[test]
fn a_snapshot_says_by_which_shipment_it_counts_and_what_is_wrong_with_it() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    stocked(&host);
    let shipped = ship(&host, "O-1", "A", 3);
    let begin = |name: &str, as_of: &str, watermark: Option<&str>| {
        let mut body = json!({"snapshot": name, "warehouse": "W1", "as_of": as_of});
        if let Some(watermark) = watermark {
            body["watermark"] = watermark.into();
        }
        host.post("/v1/snapshots", &body)
    };
    let as_of = at(0);
    assert_eq!(begin("S-1", &as_of, None).body["watermark"], json!(shipped));
    let items = json!({"items": [{"sku": "A", "on_hand": 7}, {"sku": "B", "on_hand": 10}]});
    assert_eq!(put(&host, "/v1/snapshots/S-1/pages/1", &items).status, 200);
    let done = host.post("/v1/snapshots/S-1/commit", &json!({"pages": 1}));
    assert_eq!(
        (&done.body["state"], &done.body["watermark"]),
        (&"committed".into(), &json!(shipped))
    );
    ship(&host, "O-2", "A", 1);
    assert_eq!(host.get("/v1/snapshots").body["snapshots"][0]["watermark"], json!(shipped));
    let discarded = host.post("/v1/snapshots/S-1/discard", &json!({}));
    assert_eq!(
        (&discarded.body["state"], &discarded.body["staged"]),
        (&"committed".into(), &json!(0))
    );
    let known = host.get("/v1/snapshots/S-1").body;
    assert_eq!((&known["state"], &known["staged"]), (&"committed".into(), &json!(2)), "{known}");

    let (node, _) = shipped.split_once(':').unwrap();
    let first = format!("{node}:1");
    let stale = begin("S-2", &as_of, Some(&first)).body;
    assert_eq!((&stale["watermark"], &stale["newest_watermark"]), (&json!(first), &json!(shipped)));
    let detail = stale["detail"].as_str().unwrap();
    assert!(detail.contains(&first) && detail.contains(&shipped), "{detail}");

    let given = begin("S-3", &at(1), Some(&shipped)).body;
    assert_eq!(given["watermark"], json!(shipped), "{given}");
    let twice = json!({"items": [{"sku": "A", "on_hand": 7}, {"sku": "A", "on_hand": 8}]});
    let page = put(&host, "/v1/snapshots/S-3/pages/2", &twice).body;
    let error = json!([{"page": 2, "item": 1, "why": "the sku A again"}]);
    assert_eq!(page["errors"], error, "{page}");
    let items = json!({"items": [{"sku": "B", "on_hand": 10}]});
    assert_eq!(put(&host, "/v1/snapshots/S-3/pages/1", &items).status, 200);
    let refused = host.post("/v1/snapshots/S-3/commit", &json!({"pages": 2}));
    assert_eq!((refused.status, &refused.body["errors"]), (422, &error), "{refused:?}");
    let detail = "1 items cannot count; page 2, item 1: the sku A again";
    assert_eq!(refused.body["detail"], detail);
    let discarded = host.post("/v1/snapshots/S-3/discard", &json!({})).body;
    let left = (&discarded["state"], &discarded["pages"], &discarded["staged"]);
    assert_eq!(left, (&"discarded".into(), &json!(0), &json!(0)), "{discarded}");
    assert_eq!(host.get("/v1/snapshots/S-3").status, 404);
    host.assert_audit_is_clean();
}

/// A reading of the host's could commit one without a page, a caller could not.
#[test]
fn a_snapshot_without_a_page_says_that_nothing_lies_there() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    stocked(&host);
    let begin = json!({"snapshot": "S-1", "warehouse": "W1", "as_of": at(0)});
    assert_eq!(host.post("/v1/snapshots", &begin).status, 200);
    let waits = host.post("/v1/snapshots/S-1/commit", &json!({"pages": 0}));
    let told = (&waits.body["state"], &waits.body["effects"]["zeroed"]);
    assert_eq!(told, (&json!("awaiting_approval"), &json!(2)), "{waits:?}");
    assert_eq!(host.post("/v1/snapshots/S-1/approve", &json!({})).body["effects"]["emptied"], 2);
    assert_eq!((on_hand(&host, "A"), on_hand(&host, "B")), (0, 0));
    host.assert_audit_is_clean();
}

#[test]
fn roles_say_who_counts_and_who_approves() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("edge.toml");
    let token = |role: &str| format!("{role}-0123456789abcdef");
    let tables = ["read", "trade", "admin"]
        .map(|role| format!("[[tokens]]\nrole = \"{role}\"\ntoken = \"{}\"\n", token(role)));
    std::fs::write(&file, tables.concat()).unwrap();
    let host = Start::new(data.path()).arg("--config", file.to_str().unwrap()).start();
    let agent = crate::harness::agent();
    let post = |role: &str, path: &str, body: &Value| -> u16 {
        let request = agent.post(format!("http://{}{path}", host.address));
        let request = request.header("authorization", format!("Bearer {}", token(role)));
        request.send_json(body).unwrap().status().as_u16()
    };
    let count = json!({"warehouse": "W1", "as_of": at(0), "items": [{"sku": "A", "on_hand": 1}]});
    let commit = json!({"pages": 1, "zero_percent_max": 100});
    for (role, path, body, status) in [
        ("read", "/v1/stock/count", &count, 403),
        ("trade", "/v1/stock/count", &count, 404),
        ("trade", "/v1/snapshots/S/commit", &commit, 403),
        ("admin", "/v1/snapshots/S/commit", &commit, 404),
        ("trade", "/v1/snapshots/S/approve", &json!({}), 403),
        ("admin", "/v1/snapshots/S/approve", &json!({}), 404),
    ] {
        assert_eq!(post(role, path, body), status, "{role} {path}");
    }
}

/// A host that reads W1 of a system, many times a second.
fn reading(data: &std::path::Path, system: &System) -> Host {
    let url = format!("http://{}/api", system.address());
    let start = Start::new(data).arg("--wms-url", &url).arg("--wms-warehouses", "W1");
    start.arg("--wms-interval", "50ms").arg("--wms-timeout", "500ms").start()
}

/// Waits until it is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !so() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn pulls(host: &Host, result: &str) -> u64 {
    let line = format!("edge_inventory_wms_pulls_total{{warehouse=\"W1\",result=\"{result}\"}} ");
    let text = host.get_text("/metrics");
    let found = text.lines().find_map(|it| it.strip_prefix(&line));
    found.map_or(0, |count| count.parse().unwrap())
}

#[test]
fn a_warehouse_is_read_and_read_again_through_every_failure() {
    let data = tempfile::tempdir().unwrap();
    let mut system = System::start();
    let host = reading(data.path(), &system);
    stocked(&host);
    system.offers(&at(-60), None, &[&[("A", 10)], &[("B", 9), ("C", 4)]]);
    until("the first snapshot counts", || pulls(&host, "applied") > 0);
    assert_eq!(["A", "B", "C"].map(|sku| on_hand(&host, sku)), [10, 9, 4]);
    until("the same again changes nothing", || pulls(&host, "unchanged") > 1);

    let watermark = last_event(&host);
    ship(&host, "O-1", "A", 3);
    for (number, fails) in
        [Fails::Slow, Fails::Status, Fails::NoJson, Fails::Huge, Fails::BrokenOff, Fails::Changing]
            .into_iter()
            .enumerate()
    {
        let failed = pulls(&host, "failed");
        system.fails(Some(fails));
        let as_of = at(-50 + i64::try_from(number).unwrap());
        system.offers(&as_of, Some(&watermark), &[&[("A", 10)], &[("B", 9), ("C", 4)]]);
        until(&format!("{fails:?} is noticed"), || pulls(&host, "failed") > failed);
        let applied = pulls(&host, "applied");
        system.fails(None);
        until(&format!("{fails:?} has passed"), || pulls(&host, "applied") > applied);
        assert_eq!(["A", "B", "C"].map(|sku| on_hand(&host, sku)), [7, 9, 4], "{fails:?}");
    }

    let failed = pulls(&host, "failed");
    system.stop();
    until("the system is away", || pulls(&host, "failed") > failed);
    assert_eq!(host.deduct("O-2", "A", 1).status, 200, "orders go on");
    system.start_again();
    system.offers(&at(-10), Some(&last_event(&host)), &[&[("A", 7)]]);
    until("too much would go", || pulls(&host, "awaiting_approval") > 0);
    // It goes on waiting, under the eyes of the operator, however often it is read.
    let failed = pulls(&host, "failed");
    let waited = pulls(&host, "awaiting_approval");
    until("it is read again", || pulls(&host, "awaiting_approval") > waited + 2);
    assert_eq!(pulls(&host, "failed"), failed);
    assert_eq!(on_hand(&host, "B"), 9);
    host.assert_audit_is_clean();
    host.signal("-TERM");
    assert!(host.wait().success());
}

/// Each reading of a system whose `as_of` moves left a staged snapshot of its own.
#[test]
fn of_pulled_snapshots_only_the_last_is_kept() {
    let data = tempfile::tempdir().unwrap();
    let system = System::start();
    let host = reading(data.path(), &system);
    stocked(&host);
    let names = |state: &str| -> Vec<String> {
        let listed = host.get(&format!("/v1/snapshots?state={state}")).body;
        let listed = listed["snapshots"].as_array().unwrap();
        listed.iter().map(|it| it["snapshot"].as_str().unwrap().to_owned()).collect()
    };
    // Those of others are left alone, wherever their names are in order, and however they begin.
    let other = json!({"reason": "new", "items": [{"put": {"warehouse": {"warehouse": "W1:2"}}}]});
    assert_eq!(host.post("/v1/catalog/changes", &other).status, 200);
    for (snapshot, warehouse) in
        [("S-1", "W1"), ("wms:W10:1:-", "W1"), ("wms:W1:2:1:-", "W1:2"), ("z", "W1")]
    {
        let begin = json!({"snapshot": snapshot, "warehouse": warehouse, "as_of": at(0)});
        assert_eq!(host.post("/v1/snapshots", &begin).status, 200);
    }
    let others = names("open");

    // The second page is of another one, each time.
    system.fails(Some(Fails::Changing));
    system.offers(&at(-61), None, &[&[("A", 10)], &[("B", 10)]]);
    until("it fails", || pulls(&host, "failed") > 2);
    until("what was staged is forgotten", || names("open") == others);
    // What broke off is forgotten with the next one.
    system.fails(Some(Fails::BrokenOff));
    system.offers(&at(-60), None, &[&[("A", 10)], &[("B", 10)]]);
    until("it is staged by half", || names("open").len() > others.len());
    system.fails(None);

    let mut last = String::new();
    for seconds in [-50, -40, -30] {
        system.offers(&at(seconds), None, &[&[("A", 10)]]);
        until("only the new one waits", || {
            let waiting = names("awaiting_approval");
            waiting.len() == 1 && waiting[0] != last
        });
        last.clone_from(&names("awaiting_approval")[0]);
        assert_eq!(names("open"), others);
    }
    let applied = pulls(&host, "applied");
    system.offers(&at(-20), None, &[&[("A", 9), ("B", 9)]]);
    until("one that counts supersedes it, too", || pulls(&host, "applied") > applied);
    assert!(names("awaiting_approval").is_empty());
    assert_eq!(host.post(&format!("/v1/snapshots/{last}/approve"), &json!({})).status, 404);
    assert_eq!((on_hand(&host, "A"), on_hand(&host, "B")), (9, 9));
    host.assert_audit_is_clean();
}

#[test]
fn a_token_is_sent_and_what_is_missing_beside_it_is_said() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("edge.toml");
    let system = System::start();
    system.wants("s3cret-of-the-warehouse");
    let text = format!(
        "wms_url = \"http://{}\"\nwms_warehouses = \"W1\"\nwms_interval = \"50ms\"\n\
         wms_token = \"s3cret-of-the-warehouse\"\n",
        system.address()
    );
    std::fs::write(&file, text).unwrap();
    let host = Start::new(data.path()).arg("--config", file.to_str().unwrap()).start();
    stocked(&host);
    system.offers(&at(-60), None, &[&[("A", 8), ("B", 8)]]);
    until("it counts", || pulls(&host, "applied") > 0);
    assert_eq!(on_hand(&host, "A"), 8);
    let (status, said) = Start::new(data.path()).arg("--wms-url", "https://wms").refused();
    assert_eq!(status.code(), Some(64));
    assert!(said.contains("wms_url"), "{said}");
}
