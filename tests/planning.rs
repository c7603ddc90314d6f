//! What would become of an order, what can be promised, and when warehouses ship: through the host,
//! the CLI's server, which has the same paths and JSON, and the CLI's subcommands.

use crate::door::cli::command;
use crate::harness::{Answer, Host, agent, read, through_both};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn put(host: &Host, path: &str, body: &Value) -> Answer {
    let url = format!("http://{}{path}", host.address);
    let answer = read(agent().put(url).send_json(body).unwrap()).unwrap();
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer
}

/// TEA lies in SZ and GZ, CUP in SZ; TEA may not go to Tibet, and GZ never opens.
fn stock(host: &Host) {
    let lying =
        |sku, code, units| json!({"sku": sku, "warehouse": code, "on_hand": {"set": units}});
    let sellable = |sku| json!({"sku": sku, "sellable": {"set": 50}});
    let items = [
        lying("TEA", "SZ", 5),
        lying("TEA", "GZ", 9),
        lying("CUP", "SZ", 5),
        sellable("TEA"),
        sellable("CUP"),
    ];
    let answer = host.post("/v1/stock/adjust", &json!({"reason": "initial", "items": items}));
    assert_eq!(answer.status, 200, "{answer:?}");
    put(
        host,
        "/v1/restrictions/sku:TEA/54",
        &json!({"rules": [{"verdict": "deny", "name": "law"}]}),
    );
    put(host, "/v1/calendars/GZ", &json!({"weekly": {}}));
}

fn order(lines: &[(&str, u32)], adcode: &str) -> Value {
    let line = |(sku, quantity): &(&str, u32)| json!({"sku": sku, "quantity": quantity});
    let lines: Vec<Value> = lines.iter().map(line).collect();
    json!({"lines": lines, "ship_to": {"adcode": adcode}})
}

/// A plan whose limit was what may be sold said that the warehouse was not needed.
#[test]
fn a_plan_tells_what_is_kept_and_what_may_not_be_sold() {
    through_both(|host| {
        stock(host);
        put(host, "/v1/warehouses/SZ-2", &json!({}));
        put(host, "/v1/warehouses/SZ-2/service-areas/everywhere", &json!({"priority": 900}));
        put(host, "/v1/safety-stock/TEA/SZ-2", &json!({"units": 2}));
        let lying = json!({"sku": "TEA", "warehouse": "SZ-2", "on_hand": {"set": 9}});
        host.post("/v1/stock/adjust", &json!({"reason": "initial", "items": [lying]}));
        let told = |units: u32| {
            let planned = host.post("/v1/plan", &order(&[("TEA", units)], "440305"));
            let explain = planned.body["explain"].as_array().unwrap().clone();
            let second = explain.into_iter().find(|it| it["warehouse"] == "SZ-2").unwrap();
            ["why", "requested", "free", "kept", "taken"].map(|name| second[name].clone())
        };
        assert_eq!(json!(told(3)), json!(["not_needed", 3, 3, 0, 0]));
        assert_eq!(json!(told(20)), json!(["taken", 20, 7, 2, 7]));
        host.set_sellable("TEA", 5);
        assert_eq!(json!(told(20)), json!(["not_sellable", 20, 7, 2, 0]));
    });
}

/// Counters, and what may be promised of them, are of one moment.
#[test]
fn what_is_available_does_not_contradict_the_counters() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let lying = json!({"sku": "TEA", "warehouse": "SZ", "on_hand": {"set": 1_000}});
    host.post("/v1/stock/adjust", &json!({"reason": "initial", "items": [lying]}));
    host.set_sellable("TEA", 100);
    let is_read = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for units in [900, 100].into_iter().cycle().take(10_000) {
                host.set_sellable("TEA", units);
                if is_read.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let read = || host.get("/v1/stock/TEA?ship_to=440305").body;
        let contradicts = |it: &Value| it["available"] != it["sellable"];
        let contradiction = (0..1_000).map(|_| read()).find(contradicts);
        is_read.store(true, Ordering::Relaxed);
        assert_eq!(contradiction, None);
    });
}

#[test]
fn a_plan_says_what_a_reservation_would_find_and_why() {
    through_both(|host| {
        stock(host);
        let planned = host.post("/v1/plan", &order(&[("TEA", 3)], "440305"));
        assert_eq!(planned.body["packages"][0]["warehouse"], "SZ", "{planned:?}");
        let why = |answer: &Answer| -> Vec<Value> {
            let explain = answer.body["explain"].as_array().unwrap().iter();
            explain.map(|it| json!([it["warehouse"], it["why"]])).collect()
        };
        let short = host.post("/v1/plan", &order(&[("TEA", 6)], "440305"));
        assert_eq!(why(&short), [json!(["GZ", "closed"]), json!(["SZ", "taken"])]);
        let shortages = json!([
            {"sku": "TEA", "requested": 6, "available": 5, "code": "insufficient_stock"}
        ]);
        assert_eq!(short.body["shortages"], shortages);
        let malformed = host.post("/v1/plan", &json!({"lines": [], "sku": 1}));
        assert_eq!((malformed.status, &malformed.body["code"]), (400, &json!("malformed")));
        assert_eq!(host.get("/v1/plan").status, 405);

        let there = host.get("/v1/stock/TEA?ship_to=440305");
        assert_eq!((&there.body["available"], &there.body["sellable"]), (&json!(5), &json!(50)));
        assert_eq!(there.body["sources"][0]["warehouse"], "SZ");
        assert_eq!(there.body["explain"][1].get("requested"), None, "{there:?}");
        let denied = host.get("/v1/stock/TEA?ship_to=540102");
        assert_eq!(denied.body["denied"]["rule"], "law");
        assert_eq!(why(&denied), [json!(["GZ", "denied"]), json!(["SZ", "denied"])]);
        assert_eq!(host.get("/v1/stock/TEA?ship_to=5401").status, 400);
        assert_eq!(host.get("/v1/stock/NONE?ship_to=540102").body["code"], "unknown_sku");
    });
}

#[test]
fn of_an_order_that_may_be_partial_what_is_denied_is_left_out_and_told() {
    through_both(|host| {
        stock(host);
        let mut body = order(&[("TEA", 3), ("CUP", 2)], "540102");
        assert_eq!(host.post("/v1/orders/O-1/reserve", &body).status, 422);
        let whole = host.post("/v1/plan", &body);
        assert_eq!((&whole.body["packages"], &whole.body["shortages"]), (&json!([]), &json!([])));
        let why = |answer: &Answer| -> Vec<Value> {
            let explain = answer.body["explain"].as_array().unwrap().iter();
            explain.map(|it| json!([it["warehouse"], it["why"], it["taken"]])).collect()
        };
        assert_eq!(why(&whole), [json!(["GZ", "denied", 0]), json!(["SZ", "denied", 0])]);
        body["allow_partial"] = json!(true);
        let planned = host.post("/v1/plan", &body);
        assert_eq!(why(&planned), [json!(["GZ", "denied", 0]), json!(["SZ", "taken", 2])]);
        let placed = host.post("/v1/orders/O-2/reserve", &body);
        let lines = json!([{"sku": "CUP", "quantity": 2}]);
        let shortages =
            json!([{"sku": "TEA", "requested": 3, "available": 0, "code": "region_restricted"}]);
        let denied = json!([{"sku": "TEA", "subject": "sku:TEA", "area": "54", "rule": "law"}]);
        for answer in [&planned, &placed, &host.post("/v1/orders/O-2/reserve", &body)] {
            assert_eq!(answer.body["packages"][0]["lines"], lines, "{answer:?}");
            assert_eq!(answer.body["shortages"], shortages, "{answer:?}");
            assert_eq!(answer.body["denied"], denied, "{answer:?}");
        }
        let mut nothing = order(&[("TEA", 1)], "540102");
        nothing["allow_partial"] = json!(true);
        let refused = host.post("/v1/orders/O-3/reserve", &nothing);
        assert_eq!((refused.status, &refused.body["code"]), (422, &json!("region_restricted")));
        host.assert_audit_is_clean();
    });
}

#[test]
fn a_calendar_is_shown_before_anybody_orders() {
    through_both(|host| {
        stock(host);
        let hours = json!([{"from": "09:00", "until": "18:00"}]);
        let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let weekly: Value = days.iter().map(|day| (day.to_string(), hours.clone())).collect();
        put(host, "/v1/calendars/SZ", &json!({"weekly": weekly}));
        let shown = host.get("/v1/calendars/SZ/preview?count=3");
        assert_eq!(shown.body["openings"].as_array().unwrap().len(), 3, "{shown:?}");
        assert!(shown.body["promised_ship_at"].is_string(), "{shown:?}");
        assert_eq!(host.get("/v1/calendars/GZ/preview").body["promised_ship_at"], Value::Null);
        assert_eq!(host.get("/v1/calendars/SZ/preview?count=0").status, 400);
        let url = format!("http://{}/v1/calendars/SZ", host.address);
        let refused = read(agent().put(url).send_json(json!({"weekly": []})).unwrap()).unwrap();
        assert_eq!((refused.status, &refused.body["pointer"]), (400, &json!("/weekly")));
        let unknown = host.get("/v1/calendars/XX/preview");
        assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("unknown_warehouse")));
    });
}

/// Names of routes are names that skus may have.
#[test]
fn a_sku_may_be_called_as_a_route_is() {
    through_both(|host| {
        for sku in ["query", "adjust", "count", "shortages"] {
            host.set_sellable(sku, 7);
            let found = host.get(&format!("/v1/stock/{sku}"));
            let said = (&found.body["sku"], &found.body["sellable"]);
            assert_eq!(said, (&json!(sku), &json!(7)), "{found:?}");
            let there = host.get(&format!("/v1/stock/{sku}?ship_to=440305"));
            assert_eq!(there.body["available"], 7, "{there:?}");
        }
        assert_eq!(host.post("/v1/stock/query", &json!({"skus": ["query"]})).status, 200);
    });
}

#[test]
fn counts_come_alone_or_among_others_and_what_they_miss_is_listed() {
    through_both(|host| {
        stock(host);
        let held = host.post("/v1/orders/O-1/deduct", &order(&[("TEA", 4)], "440305"));
        assert_eq!(held.status, 200, "{held:?}");
        let as_of = || humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string();
        let count = |units| {
            let items = json!([{"sku": "TEA", "on_hand": units}]);
            json!({"warehouse": "SZ", "as_of": as_of(), "items": items})
        };
        let counted = host.post("/v1/stock/count", &count(3));
        assert_eq!(counted.body["counted"][0]["missing"], 1, "{counted:?}");
        let listed = host.get("/v1/shortages?warehouse=SZ");
        assert_eq!(listed.body["shortages"][0]["missing"], 1, "{listed:?}");
        assert_eq!(host.get("/v1/shortages?warehouse=GZ").body["shortages"], json!([]));
        let shipped = json!({"ship": {"order_id": "O-1"}});
        let batch = json!({"commands": [shipped, {"count": count(0)}]});
        let outcomes = host.post("/v1/batch", &batch).body;
        assert_eq!(outcomes["outcomes"][0]["ok"]["state"], "shipped", "{outcomes}");
        let counted = &outcomes["outcomes"][1]["ok"]["counted"][0];
        assert_eq!(
            (&counted["sku"], &counted["missing"]),
            (&json!("TEA"), &json!(0)),
            "{outcomes}"
        );
        let mut foreign = count(1);
        foreign["watermark"] = json!("elsewhere:1");
        let refused = host.post("/v1/batch", &json!({"commands": [{"count": foreign}]}));
        let pointer = &refused.body["pointer"];
        assert_eq!((refused.status, pointer), (400, &json!("/commands/0/count/watermark")));
        host.assert_audit_is_clean();
    });
}

/// What a subcommand says, its errors, and its exit status.
fn run(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = command(folder).args(arguments).output().expect("wasmedge runs");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_clis_subcommands_plan_promise_and_preview() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run(folder.path(), arguments);
    let items = ["TEA:sellable=50", "TEA@SZ:on_hand=5", "TEA@GZ:on_hand=9"];
    assert_eq!(run(&[&["adjust", "--reason", "initial"][..], &items].concat()).0, 0);
    assert_eq!(run(&["catalog", "put", "calendar", "GZ", "--entry", "{\"weekly\":{}}"]).0, 0);
    let (code, said, _) =
        run(&["plan", "TEA=6", "--ship-to", "440305", "--strategy", "min_splits"]);
    assert!(code == 0 && said.contains("closed") && said.contains("short of"), "{code} {said}");
    let (_, json, _) = run(&["--json", "plan", "TEA=5", "--ship-to", "440305"]);
    let planned: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(planned["ok"]["packages"][0]["warehouse"], "SZ", "{json}");
    let (code, said, _) = run(&["stock", "TEA", "--ship-to", "440305"]);
    assert!(code == 0 && said.contains("taken") && said.contains("closed"), "{code} {said}");
    let (_, json, _) = run(&["--json", "stock", "TEA", "--ship-to", "440305"]);
    let there: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(there["ok"]["available"], 5, "{json}");
    let (code, said, _) = run(&["calendar", "preview", "SZ"]);
    assert!(code == 0 && said.contains("SZ ships an order of now: 20"), "{code} {said}");
    let (code, said, _) = run(&["calendar", "preview", "GZ", "--count", "3"]);
    assert!(code == 0 && said.contains("not within 400 days"), "{code} {said}");
    let (_, help, _) = run(&["reserve", "--help"]);
    let strategies = ["priority", "nearest", "min_splits"];
    assert!(strategies.iter().all(|name| help.contains(name)), "{help}");
    for (arguments, status, message) in [
        (&["calendar", "preview", "XX"][..], 1, "no warehouse XX"),
        (&["stock", "TEA", "CUP", "--ship-to", "440305"], 64, "one sku"),
        (&["stock", "TEA", "--ship-to", "44"], 64, "Adcode"),
        (&["stock", "NONE", "--ship-to", "440305"], 1, "no sku NONE"),
        (&["stock", "NONE"], 1, "no sku NONE"),
        (&["stock", "TEA", "NONE"], 1, "no sku NONE"),
        (&["get", "O-1"], 1, "no such order"),
        (&["catalog", "get", "warehouse", "XX"], 1, "no such warehouse"),
        (&["snapshot", "get", "S-1"], 1, "no such snapshot"),
        (&["import", "warehouse", "/data/none.csv"], 74, "/data/none.csv"),
    ] {
        let (code, _, said) = run(arguments);
        assert!(code == status && said.contains(message), "{arguments:?}: {code} {said}");
    }
}

#[test]
fn the_clis_subcommands_bring_in_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| run(folder.path(), arguments);
    let items = ["TEA@SZ:on_hand=5", "CUP@SZ:on_hand=9"];
    assert_eq!(run(&[&["adjust", "--reason", "initial"][..], &items].concat()).0, 0);
    let now = std::time::SystemTime::now();
    let at = |since: u64| now + std::time::Duration::from_secs(since);
    let at = |since| humantime::format_rfc3339_millis(at(since)).to_string();
    let (as_of, later) = (at(0), at(1));
    let begin = ["snapshot", "begin", "S-1", "--warehouse", "SZ", "--as-of", &as_of];
    assert_eq!(run(&begin).0, 0);
    assert_eq!(run(&["snapshot", "page", "S-1", "1", "TEA=4"]).0, 0);
    for pages in ["0", "2"] {
        assert_eq!(run(&["snapshot", "commit", "S-1", "--pages", pages]).0, 1);
    }
    let (code, said, _) = run(&["snapshot", "commit", "S-1", "--pages", "1"]);
    assert!(code == 0 && said.starts_with("S-1 awaiting_approval\nwarehouse  as of"), "{said}");
    assert!(said.contains(" edge-1:") && !said.contains('{'), "{said}");
    let (_, said, _) = run(&["--json", "snapshot", "get", "S-1"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["ok"]["effects"]["zeroed"], 1, "{said}");
    let (code, said, _) = run(&["snapshot", "list", "--state", "awaiting_approval"]);
    assert!(code == 0 && said.contains("S-1") && said.contains("SZ"), "{code} {said}");
    assert!(!run(&["snapshot", "list", "--state", "open"]).1.contains("S-1"));
    assert_eq!(run(&["snapshot", "list", "--state", "waiting"]).0, 64);
    assert_eq!(run(&["snapshot", "list", "--after", "a b"]).0, 64);
    assert_eq!(run(&["snapshot", "approve", "S-1"]).0, 0);
    let (code, said, _) = run(&["snapshot", "get", "S-1"]);
    let told = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let told: Vec<_> = told.collect();
    assert_eq!((code, told[0].as_slice()), (0, &["S-1", "committed"][..]), "{said}");
    let header = ["created", "updated", "unchanged", "emptied", "stocked", "zeroed"];
    assert_eq!((&told[3][..6], &told[4][..6]), (&header[..], &["0", "1", "0", "1", "2", "1"][..]));
    let (_, said, _) = run(&["--json", "stock", "TEA", "CUP"]);
    let stock: Value = serde_json::from_str(&said).unwrap();
    let on_hand = |at: usize| stock["ok"]["stock"][at]["on_hand"].as_u64().unwrap();
    assert_eq!((on_hand(0), on_hand(1)), (4, 0), "{said}");
    assert_eq!(run(&["snapshot", "discard", "S-1"]).1.lines().next(), Some("S-1 committed"));
    let begin = ["snapshot", "begin", "S-2", "--warehouse", "SZ", "--as-of", &later];
    assert_eq!(run(&begin).0, 0);
    let (_, said, _) = run(&["snapshot", "page", "S-2", "1", "TEA=4", "TEA=5"]);
    assert!(said.ends_with("page  item  refused\n   1     1  the sku TEA again\n"), "{said}");
    assert_eq!(run(&["snapshot", "discard", "S-2"]).1.lines().next(), Some("S-2 discarded"));
    assert_eq!(run(&["audit"]).0, 0);
}
