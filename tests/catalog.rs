//! The catalog over HTTP: the same calls for every noun, versions in headers, roles, pages.

use serde_json::{Value, json};

use crate::harness::{Host, Start, agent, one_line, through_both};

/// An answer with its version.
struct Told {
    status: u16,
    etag: Option<String>,
    body: Value,
}

/// A call with headers.
fn call(host: &Host, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Told {
    let url = format!("http://{}{path}", host.address);
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.header("content-type", "application/json");
    let mut answer = if body.is_null() {
        agent().run(request.body(()).unwrap()).unwrap()
    } else {
        agent().run(request.body(body.to_string()).unwrap()).unwrap()
    };
    let etag = answer.headers().get("etag").map(|it| it.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    // A 304 has no body.
    Told { status, etag, body: answer.body_mut().read_json().unwrap_or(Value::Null) }
}

fn put(host: &Host, path: &str, body: &Value) -> Told {
    call(host, "PUT", path, &[], body)
}

/// Where each noun is listed, an entry of it, and what that says.
fn nouns() -> Vec<(&'static str, &'static str, Value)> {
    let rule = json!({"verdict": "deny", "until": "2027-01-01T00:00:00.000Z", "name": "禁运"});
    let open = json!([{"from": "09:00", "until": "24:00"}]);
    let week = json!({"monday": open, "tuesday": [], "wednesday": [], "thursday": [],
        "friday": [], "saturday": [], "sunday": []});
    vec![
        (
            "/v1/warehouses",
            "/v1/warehouses/SZ",
            json!({"name": "深圳", "owner": "own", "adcode": "440305", "lat": 22.5431,
                "lon": 114.057_868, "active": true}),
        ),
        (
            "/v1/service-areas",
            "/v1/warehouses/SZ/service-areas/4403",
            json!({"priority": 5, "backup": true}),
        ),
        ("/v1/categories", "/v1/skus/TEA/category", json!({"category": "drinks"})),
        ("/v1/restrictions", "/v1/restrictions/category:drinks/54", json!({"rules": [rule]})),
        (
            "/v1/calendars",
            "/v1/calendars/SZ",
            json!({"time_zone": "Asia/Shanghai", "weekly": week, "cut_off": "16:00",
                "handling_minutes": 30, "holidays": ["2026-10-01"],
                "workdays": [{"date": "2026-10-10", "windows": open}],
                "promotions": [{"from": "2026-11-01", "until": "2026-11-12", "windows": open}],
                "stop_ship": [{"from": "2026-12-01T00:00:00.000Z",
                    "until": "2026-12-02T00:00:00.000Z"}]}),
        ),
        ("/v1/safety-stock", "/v1/safety-stock/TEA/SZ", json!({"units": 3})),
        (
            "/v1/divisions",
            "/v1/divisions/440305",
            json!({"name": "南山区", "lat": 22.53, "lon": 113.93}),
        ),
    ]
}

#[test]
fn every_noun_is_put_got_listed_told_and_deleted_alike() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    for (number, (all, one, body)) in (1..).zip(nouns()) {
        let made = put(&host, one, &body);
        assert_eq!(made.status, 200, "{one}: {}", made.body);
        assert_eq!(made.etag, Some(format!("\"{number}\"")));
        assert_eq!(made.body["changed"][0]["effect"], "created", "{one}");
        let got = call(&host, "GET", one, &[], &Value::Null);
        assert_eq!((got.status, got.etag), (200, made.etag), "{one}");
        for (name, value) in body.as_object().unwrap() {
            assert_eq!(&got.body[name], value, "{one}: {name}");
        }
        let listed = host.get(all);
        assert_eq!(listed.body["entries"], json!([got.body]), "{all}");
        assert_eq!(put(&host, one, &body).body["changed"][0]["effect"], "unchanged", "{one}");
    }
    let areas = host.get("/v1/warehouses/SZ/service-areas");
    assert_eq!(areas.body["entries"].as_array().unwrap().len(), 1);
    let told = host.get("/v1/catalog/changes?after=0&limit=3");
    assert_eq!(told.body["next"], 3);
    assert_eq!(told.body["changes"][1]["key"]["noun"], "service_area");
    assert_eq!(told.body["changes"][1]["before"], Value::Null);
    assert_eq!(told.body["changes"][1]["after"], json!({"priority": 5, "backup": true}));
    for (_, one, _) in nouns().iter().rev() {
        let gone = call(&host, "DELETE", &format!("{one}?author=Li+Wei"), &[], &Value::Null);
        assert_eq!(gone.body["changed"][0]["effect"], "deleted", "{one}");
        let got = call(&host, "GET", one, &[], &Value::Null);
        assert_eq!((got.status, &got.body["code"]), (404, &json!("unknown_entry")), "{one}");
    }
    let told = host.get("/v1/catalog/changes?after=13");
    assert_eq!(told.body["changes"][0]["author"], "Li Wei");
    assert_eq!(told.body["changes"][0]["after"], Value::Null);
    host.assert_audit_is_clean();
}

#[test]
fn an_entry_changes_only_from_the_version_that_was_read() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let path = "/v1/skus/TEA/category";
    let to = |category: &str| json!({ "category": category });
    let new = [("if-none-match", "*")];
    let first = call(&host, "PUT", path, &new, &to("drinks"));
    let etag = first.etag.unwrap();
    let again = call(&host, "PUT", path, &new, &to("food"));
    assert_eq!((again.status, &again.body["code"]), (412, &json!("version_mismatch")));
    assert_eq!(again.body["actual"], 1);
    let read = [("if-match", etag.as_str())];
    // Somebody else may have made the version that a dry run tells of.
    let dry = call(&host, "PUT", &format!("{path}?dry_run=true"), &read, &to("food"));
    assert_eq!((dry.status, dry.etag), (200, None));
    assert_eq!(call(&host, "PUT", path, &read, &to("food")).etag.unwrap(), "\"2\"");
    assert_eq!(call(&host, "PUT", path, &read, &to("toys")).status, 412);
    assert_eq!(call(&host, "DELETE", path, &read, &Value::Null).status, 412);
    assert_eq!(call(&host, "DELETE", path, &[("if-match", "\"2\"")], &Value::Null).status, 200);
    // Not even a new entry has an old version.
    assert_eq!(put(&host, path, &to("drinks")).etag.unwrap(), "\"4\"");
    assert_eq!(call(&host, "PUT", path, &read, &to("toys")).status, 412);
    assert_eq!(call(&host, "PUT", path, &[("if-match", "7")], &to("toys")).status, 400);
}

#[test]
fn any_version_or_one_of_several_may_be_expected_and_what_is_known_is_not_sent_again() {
    through_both(|host| {
        let path = "/v1/skus/TEA/category";
        let to = |category: &str| json!({ "category": category });
        let any = [("if-match", "*")];
        let none = call(host, "PUT", path, &any, &to("toys"));
        assert_eq!((none.status, &none.body["code"]), (412, &json!("version_mismatch")));
        assert_eq!(call(host, "DELETE", path, &any, &Value::Null).status, 412);
        assert_eq!(put(host, path, &to("drinks")).etag.as_deref(), Some("\"1\""));
        assert_eq!(call(host, "PUT", path, &any, &to("toys")).etag.as_deref(), Some("\"2\""));
        let of = |etags: &'static str| call(host, "PUT", path, &[("if-match", etags)], &to("food"));
        assert_eq!(of("\"1\", \"3\"").status, 412);
        assert_eq!(of("\"1\", \"2\"").etag.as_deref(), Some("\"3\""));
        let read = |etags: &'static str| {
            call(host, "GET", path, &[("if-none-match", etags)], &Value::Null)
        };
        for known in ["\"3\"", "*", "\"1\", W/\"3\""] {
            let told = read(known);
            assert_eq!((told.status, told.etag.as_deref()), (304, Some("\"3\"")), "{known}");
            assert_eq!(told.body, Value::Null, "{known}");
        }
        let told = read("\"2\"");
        assert_eq!((told.status, &told.body["category"]), (200, &json!("food")));
        assert_eq!(call(host, "GET", path, &[], &Value::Null).status, 200);
        // The very request again is answered as before, whatever the version is now.
        let named = format!("{path}?request_id=R-1");
        assert_eq!(call(host, "PUT", &named, &any, &to("toys")).etag.as_deref(), Some("\"4\""));
        let again = call(host, "PUT", &named, &any, &to("toys"));
        assert_eq!((again.status, again.etag.as_deref()), (200, Some("\"4\"")), "{}", again.body);
    });
}

#[test]
fn a_change_of_many_entries_is_all_or_nothing_and_counts_once() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let change = |dry_run: bool| {
        json!({"reason": "opening", "request_id": "R-1", "dry_run": dry_run, "items": [
            {"put": {"warehouse": {"warehouse": "SZ"}}, "expected_version": 0},
            {"put": {"service_area": {"warehouse": "SZ", "area": "everywhere"}}},
        ]})
    };
    for dry_run in [true, false, false] {
        let answer = host.post("/v1/catalog/changes", &change(dry_run));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["changed"][1]["area"], "everywhere");
    }
    assert!(host.post("/v1/catalog/changes", &change(false)).replayed);
    let refused = host.post(
        "/v1/catalog/changes",
        &json!({"reason": "wrong", "items": [
            {"put": {"category": {"sku": "TEA", "category": "drinks"}}},
            {"put": {"calendar": {"warehouse": "XX", "weekly": {}}}},
        ]}),
    );
    assert_eq!((refused.status, &refused.body["code"]), (404, &json!("unknown_warehouse")));
    assert_eq!(host.get("/v1/categories").body["entries"], json!([]));
    for (item, why) in [
        (json!({"put": {"colour": {}}}), "there is no colour"),
        (json!({"put": {"category": {"sku": "A"}}}), "missing field `category`"),
        (json!({"delete": {"category": {"sku": "A", "category": "x"}}}), "unknown field"),
        (json!({}), "exactly one of put and delete"),
    ] {
        let answer = host.post("/v1/catalog/changes", &json!({"reason": "wrong", "items": [item]}));
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body["detail"].as_str().unwrap().contains(why), "{answer:?}");
    }
}

#[test]
fn what_breaks_the_contract_is_a_400_that_says_why() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let area = json!({"priority": 1});
    for (path, body, why) in [
        ("/v1/warehouses/SZ/service-areas/440", area.clone(), "first 2, 4 or 6 digits"),
        ("/v1/warehouses/a%20b/service-areas/44", area, "WarehouseCode"),
        ("/v1/restrictions/TEA/44", json!({"rules": []}), "restriction's subject"),
        ("/v1/skus/TEA/category", json!({"category": "x", "colour": 1}), "colour"),
        ("/v1/skus/TEA/category?why=x", json!({"category": "x"}), "no parameter why"),
        ("/v1/warehouses/SZ", json!({"lat": 22.5}), "lat and lon"),
        ("/v1/divisions/440305", json!({"name": "x", "lat": 91, "lon": 0}), "degrees"),
        ("/v1/calendars/SZ", json!({"weekly": {"monday": [["09:00"]]}}), "/weekly/monday/0 is an"),
        ("/v1/calendars/SZ", json!({"weekly": []}), "/weekly is an array"),
        ("/v1/calendars/SZ", json!({"weekly": {}, "cut_off": "25:00"}), "TimeOfDay"),
        ("/v1/calendars/SZ", json!({"weekly": {}, "time_zone": "Asia/Atlantis"}), "time zone"),
    ] {
        let refused = put(&host, path, &body);
        assert_eq!(refused.status, 400, "{path} {body}: {}", refused.body);
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains(why), "{path} {body}: {detail}");
    }
    assert_eq!(host.get("/v1/catalog/changes").body["changes"], json!([]));
}

#[test]
fn lists_have_pages_and_a_closed_warehouse_lists_its_orders() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    for number in 0..5 {
        put(&host, &format!("/v1/warehouses/W{number}"), &json!({}));
    }
    let first = host.get("/v1/warehouses?limit=2").body;
    assert_eq!((first["entries"].as_array().unwrap().len(), &first["next"]), (2, &json!("W1")));
    let rest = host.get("/v1/warehouses?limit=3&after=W1").body;
    assert_eq!(rest["entries"][0]["warehouse"], "W2");
    assert_eq!(host.get("/v1/warehouses?prefix=W3").body["entries"].as_array().unwrap().len(), 1);

    host.set_sellable("TEA", 5);
    let item = json!({"sku": "TEA", "warehouse": "SZ", "on_hand": {"set": 5}});
    host.post("/v1/stock/adjust", &json!({"reason": "initial", "items": [item]}));
    let mut order = one_line("TEA", 1);
    order["ship_to"] = json!({"adcode": "440305", "lat": 22.5, "lon": 114.0});
    order["strategy"] = json!("nearest");
    assert_eq!(host.post("/v1/orders/O-1/deduct", &order).status, 200);
    let gone = call(&host, "DELETE", "/v1/warehouses/SZ", &[], &Value::Null);
    assert_eq!((gone.status, &gone.body["orders"]), (409, &json!(["O-1"])));
    let path = "/v1/warehouses/SZ?refuse_in_use=true";
    assert_eq!(put(&host, path, &json!({"active": false})).status, 409);
    let closed = put(&host, "/v1/warehouses/SZ", &json!({"active": false}));
    assert_eq!(closed.body["changed"][0]["holding"], json!(["O-1"]));
    host.assert_audit_is_clean();
}

#[test]
fn the_catalog_is_read_by_readers_and_changed_by_admins() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("tokens.toml");
    let tokens = ["trade", "admin"]
        .map(|role| format!("[[tokens]]\nrole = \"{role}\"\ntoken = \"{role}-0123456789abc\"\n"));
    std::fs::write(&file, tokens.concat()).unwrap();
    let host = Start::new(data.path()).arg("--config", file.to_str().unwrap()).start();
    let bearer = |role: &str| format!("Bearer {role}-0123456789abc");
    let status = |role: &str, method: &str, path: &str, body: &Value| {
        call(&host, method, path, &[("authorization", &bearer(role))], body).status
    };
    let body = json!({"category": "drinks"});
    for (role, put, get) in [("trade", 403, 404), ("admin", 200, 200)] {
        assert_eq!(status(role, "PUT", "/v1/skus/TEA/category", &body), put, "{role}");
        assert_eq!(status(role, "GET", "/v1/skus/TEA/category", &Value::Null), get, "{role}");
    }
    let batch = json!({"commands": [{"catalog": {"reason": "x", "items": [
        {"delete": {"category": {"sku": "TEA"}}}]}}]});
    assert_eq!(status("trade", "POST", "/v1/batch", &batch), 403);
    assert_eq!(status("trade", "POST", "/v1/import/category", &body), 403);
    assert_eq!(call(&host, "GET", "/v1/warehouses", &[], &Value::Null).status, 401);
}
