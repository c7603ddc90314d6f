//! Files of rows over HTTP: their forms, errors by line, all or nothing, dry runs, interruptions,
//! exports; and the same through the CLI.

use std::{
    fmt::Write as _,
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{Answer, Host, Start, agent, read};

fn import(host: &Host, path: &str, content_type: &str, file: &str) -> Answer {
    let url = format!("http://{}/v1/import/{path}", host.address);
    read(agent().post(url).content_type(content_type).send(file).unwrap()).unwrap()
}

fn csv(host: &Host, path: &str, file: &str) -> Answer {
    import(host, path, "text/csv", file)
}

/// What a caller says before a file of which it may not send all.
fn head(path: &str, length: usize) -> String {
    format!(
        "POST /v1/import/{path} HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// The answer to a file for which there is a place, as soon as there is.
fn sent_again(host: &Host, path: &str, file: &str) -> Answer {
    let url = format!("http://{}/v1/import/{path}", host.address);
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        // Who is turned away may find the connection closed while the file is on its way.
        let answer = agent().post(&url).content_type("text/csv").send(file);
        if let Some(answer) = answer.ok().and_then(read).filter(|it| it.status != 503) {
            return answer;
        }
        assert!(Instant::now() < deadline, "there is no place");
    }
}

fn counts(answer: &Answer) -> [u64; 5] {
    assert_eq!(answer.status, 200, "{answer:?}");
    ["created", "updated", "unchanged", "deleted", "refused"]
        .map(|name| answer.body[name].as_u64().unwrap())
}

fn warehouses(host: &Host) {
    let file = "warehouse,name,active\nSZ,深圳,true\nGZ,广州,\n";
    assert_eq!(counts(&csv(host, "warehouse", file)), [2, 0, 0, 0, 0]);
}

#[test]
fn every_form_of_a_file_is_the_same_rows() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    warehouses(&host);
    let rows = [("SZ", "44", 5), ("GZ", "everywhere", 9)];
    let objects: Vec<Value> = rows
        .iter()
        .map(|row| json!({"warehouse": row.0, "area": row.1, "priority": row.2}))
        .collect();
    let lines: Vec<String> = objects.iter().map(|it| format!("{it}\n")).collect();
    let lines = lines.concat();
    let table = "priority,warehouse,area\n5,SZ,44\n9,GZ,everywhere\n";
    let marked = format!("\u{feff}{}", table.replace('\n', "\r\n"));
    for (content_type, file, expected) in [
        ("text/csv", table.to_owned(), [2, 0, 0, 0, 0]),
        ("text/csv; charset=utf-8", marked, [0, 0, 2, 0, 0]),
        ("application/json", Value::Array(objects).to_string(), [0, 0, 2, 0, 0]),
        ("application/x-ndjson", format!("\u{feff}{lines}"), [0, 0, 2, 0, 0]),
    ] {
        let answer = import(&host, "service_area", content_type, &file);
        assert_eq!(counts(&answer), expected, "{content_type} {file}");
    }
    for other in ["text/plain", "text/csv; charset=gbk"] {
        assert_eq!(import(&host, "service_area", other, table).status, 415);
    }
    assert_eq!(csv(&host, "colour", table).status, 404);
    assert_eq!(csv(&host, "service_area", "").status, 400);
    host.assert_audit_is_clean();
}

#[test]
fn what_is_wrong_is_told_by_line_and_nothing_counts_unless_it_is_skipped() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    warehouses(&host);
    let file = "warehouse,area,priority\nSZ,44,1\nSZ,440,1\nXX,44,1\nGZ,44,many\nSZ,44,2\n\
                GZ,everywhere,1\nGZ\n";
    let refused = csv(&host, "service_area", file);
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("rows_refused")));
    assert_eq!(refused.body["refused"], 5);
    let errors = refused.body["errors"].as_array().unwrap();
    let lines: Vec<u64> = errors.iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 8], "{errors:?}");
    let why = |at: usize| errors[at]["why"].as_str().unwrap();
    assert!(why(1).contains("no warehouse XX") && why(3).contains("line 2"), "{errors:?}");
    assert_eq!(host.get("/v1/service-areas").body["entries"], json!([]));

    let dry = csv(&host, "service_area?on_error=skip&dry_run=true", file);
    assert_eq!((counts(&dry), &dry.body["state"]), ([2, 0, 0, 0, 5], &json!("dry_run")));
    assert_eq!(host.get("/v1/service-areas").body["entries"], json!([]));
    let skipped = csv(&host, "service_area?on_error=skip&id=I-1&author=Li+Wei", file);
    assert_eq!(counts(&skipped), [2, 0, 0, 0, 5]);
    assert_eq!(host.get("/v1/service-areas").body["entries"].as_array().unwrap().len(), 2);
    let known = host.get("/v1/imports/I-1");
    assert_eq!((known.status, &known.body["state"]), (200, &json!("committed")));
    assert_eq!(host.get("/v1/imports/I-2").status, 404);
    let told = host.get("/v1/catalog/changes?after=2").body;
    assert_eq!(told["changes"][0]["reason"], "import");
    assert_eq!(told["changes"][0]["author"], "Li Wei");
    // Whoever did not hear that it counts sends it again; nothing else may have its name.
    for again in
        ["service_area?on_error=skip&id=I-1&author=Li+Wei", "service_area?id=I-1&author=Li+Wei"]
    {
        let answer = csv(&host, again, file);
        assert!(answer.replayed && !skipped.replayed, "{again}");
        assert_eq!((answer.status, &answer.body), (skipped.status, &skipped.body), "{again}");
    }
    let other = file.replace("SZ,44,1", "SZ,44,7");
    for (path, file) in [
        ("service_area?on_error=skip&id=I-1", file),
        ("service_area?on_error=skip&id=I-1&author=Li+Wei", other.as_str()),
    ] {
        let refused = csv(&host, path, file);
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!("session_conflict")));
    }
    assert_eq!(host.get("/v1/imports/I-1"), known);

    let many = "x\n".repeat(150);
    let refused = csv(&host, "category", &format!("sku,category\n{many}")).body;
    assert_eq!(refused["refused"], 150);
    assert_eq!(refused["errors"].as_array().unwrap().len(), 100);
    host.assert_audit_is_clean();
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, to) = (Host::start(one.path()), Host::start(other.path()));
    warehouses(&from);
    csv(&from, "service_area", "warehouse,area,priority,backup\nSZ,everywhere,1,true\n");
    csv(&from, "category", "sku,category\nTEA,\"a,b\"\"c\"\n");
    let rules = "subject,area,verdict,from,until,name\nall,54,deny,,,\"禁, 运\"\n\
                 all,54,allow,2026-01-01T00:00:00Z,2027-01-01T00:00:00Z,ok\nsku:TEA,44,deny,,,x\n";
    assert_eq!(counts(&csv(&from, "restriction", rules)), [2, 0, 0, 0, 0]);
    let calendar = json!({"warehouse": "SZ", "cut_off": "16:00", "holidays": ["2026-10-01"],
        "weekly": {"monday": [{"from": "09:00", "until": "18:00"}]}});
    import(&from, "calendar", "application/x-ndjson", &calendar.to_string());
    csv(&from, "safety_stock", "sku,warehouse,units\nTEA,SZ,3\n");
    csv(&from, "division", "adcode,name,lat,lon\n440305,南山区,22.53,113.93\n");
    let stock = "sku,warehouse,sellable,on_hand,unavailable\nTEA,,7,,\nTEA,SZ,,9,2\nCUP,,0,,\n";
    assert_eq!(counts(&csv(&from, "stock", stock)), [3, 0, 0, 0, 0]);
    let nouns = [
        "warehouse",
        "service_area",
        "category",
        "restriction",
        "calendar",
        "safety_stock",
        "division",
        "stock",
    ];
    for noun in nouns {
        let table = from.get_text(&format!("/v1/export/{noun}?format=csv"));
        let lines = from.get_text(&format!("/v1/export/{noun}"));
        let made = csv(&to, noun, &table);
        assert!(made.status == 200 && made.body["refused"] == 0, "{noun}: {made:?} {table}");
        let again = import(&to, noun, "application/x-ndjson", &lines);
        assert_eq!(counts(&again)[0] + counts(&again)[1], 0, "{noun}: {again:?} {lines}");
        assert_eq!(to.get_text(&format!("/v1/export/{noun}?format=csv")), table, "{noun}");
        assert_eq!(to.get_text(&format!("/v1/export/{noun}?format=json")), lines, "{noun}");
    }
    let tea = to.get("/v1/stock/TEA").body;
    assert_eq!(tea["warehouses"][0]["unavailable"], 2, "{tea}");
    to.assert_audit_is_clean();
}

/// An export of a noun without entries was refused, since it has no rows.
#[test]
fn what_has_no_rows_is_exported_and_imported_and_replaces_nothing() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let export = |what: &str| host.get_text(&format!("/v1/export/category{what}"));
    let (table, lines) = (export("?format=csv"), export(""));
    for _ in 0..2 {
        let none = csv(&host, "category?id=I-1", &table);
        assert_eq!((counts(&none), &none.body["state"]), ([0; 5], &json!("committed")));
    }
    csv(&host, "category", "sku,category\nA,x\n");
    for file in [lines.as_str(), "[]", "\n"] {
        let none = import(&host, "category", "application/x-ndjson", file);
        assert_eq!(counts(&none), [0; 5], "{file:?}");
    }
    assert_eq!(counts(&import(&host, "category", "application/json", "[]")), [0; 5]);
    assert_eq!(import(&host, "category", "application/json", "\n").status, 400);
    assert_eq!(csv(&host, "category?replace=true", &table).status, 400);
    assert_eq!(host.get("/v1/categories").body["entries"].as_array().unwrap().len(), 1);
    let unknown = host.get("/v1/export/category?format=xml");
    assert_eq!(unknown.body["detail"], "format is json or csv, not xml", "{unknown:?}");
    let quoted = csv(&host, "category", "sku,category\nB,x\nC,\"x\"y\n");
    assert!(quoted.body["detail"].as_str().unwrap().contains("line 3"), "{quoted:?}");
}

#[test]
fn replacing_deletes_what_the_file_does_not_name() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    csv(&host, "category", "sku,category\nA,x\nB,x\nC,x\n");
    let answer = csv(&host, "category?replace=true", "sku,category\nB,x\nC,y\nD,y\n");
    assert_eq!(counts(&answer), [1, 1, 1, 1, 0]);
    assert_eq!(csv(&host, "warehouse?replace=true", "warehouse\nSZ\n").status, 400);
    host.assert_audit_is_clean();
}

#[test]
fn a_restriction_of_which_a_row_is_refused_stays_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let file = |rows: &str| format!("subject,area,verdict,name,from\n{rows}");
    csv(&host, "restriction", &file("sku:A,4403,deny,lockdown,\n"));
    let before = host.get("/v1/restrictions/sku:A/4403").body;
    let half = file("sku:A,4403,allow,pilot,\nsku:A,4403,deny,lockdown,soon\nsku:B,44,deny,x,\n");
    let answer = csv(&host, "restriction?on_error=skip", &half);
    assert_eq!(counts(&answer), [1, 0, 0, 0, 2], "{answer:?}");
    let apart = file("sku:A,4403,allow,pilot,\nsku:B,44,deny,x,\nsku:A,4403,deny,lockdown,\n");
    assert_eq!(csv(&host, "restriction?on_error=skip", &apart).status, 400);
    let all = file("sku:A,4403,allow,pilot,\nsku:A,4403,deny,lockdown,soon\n");
    assert_eq!(csv(&host, "restriction?on_error=skip&id=all", &all).status, 200);
    assert_eq!(host.get("/v1/restrictions/sku:A/4403").body, before);
    host.assert_audit_is_clean();
}

#[test]
fn stock_that_orders_hold_is_not_set_below_them() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let file = "sku,warehouse,sellable,on_hand\nTEA,,7,\nTEA,SZ,,9\n";
    assert_eq!(counts(&csv(&host, "stock", file)), [2, 0, 0, 0, 0]);
    let order = json!({"lines": [{"sku": "TEA", "quantity": 4}], "ship_to": {"adcode": "440305"}});
    assert_eq!(host.post("/v1/orders/O-1/deduct", &order).status, 200);
    let refused = csv(&host, "stock", "sku,warehouse,sellable,on_hand\nTEA,,1,\nTEA,SZ,,3\n");
    assert_eq!((refused.status, &refused.body["errors"][0]["line"]), (422, &json!(3)));
    assert_eq!(host.sellable("TEA"), 3);
    host.assert_audit_is_clean();
}

#[test]
fn a_file_does_not_close_a_warehouse_that_holds_orders() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    warehouses(&host);
    csv(&host, "service_area", "warehouse,area,priority\nSZ,everywhere,1\n");
    csv(&host, "stock", "sku,warehouse,sellable,on_hand\nTEA,,7,\nTEA,SZ,,9\n");
    let order = json!({"lines": [{"sku": "TEA", "quantity": 1}], "ship_to": {"adcode": "440305"}});
    for id in ["O-1", "O-2"] {
        assert_eq!(host.post(&format!("/v1/orders/{id}/deduct"), &order).status, 200);
    }
    let file = "warehouse,name,active\nGZ,广州,false\nSZ,深圳,false\n";
    let refused = csv(&host, "warehouse", file);
    assert_eq!((refused.status, &refused.body["refused"]), (422, &json!(1)));
    let error = &refused.body["errors"][0];
    let why = "SZ holds order O-2 and 1 more: put it alone to close it";
    assert_eq!((&error["line"], &error["why"]), (&json!(3), &json!(why)));
    for (path, active) in
        [("warehouse?on_error=skip&dry_run=true", true), ("warehouse?on_error=skip", false)]
    {
        assert_eq!(counts(&csv(&host, path, file)), [0, 1, 0, 0, 1], "{path}");
        assert_eq!(host.get("/v1/warehouses/GZ").body["active"], active);
        assert_eq!(host.get("/v1/warehouses/SZ").body["active"], true);
    }
    for id in ["O-1", "O-2"] {
        let request = json!({"reason": "cancel"});
        let released = host.post(&format!("/v1/orders/{id}/release"), &request);
        assert_eq!(released.status, 200, "{released:?}");
    }
    assert_eq!(counts(&csv(&host, "warehouse", file)), [0, 1, 1, 0, 0]);
    host.assert_audit_is_clean();
}

/// The caller is gone before the file's end: nothing counts; sent again under its id, all does.
#[test]
fn an_import_that_breaks_off_counts_not_at_all() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let rows: Vec<String> = (0..5_000).map(|number| format!("S{number},kind\n")).collect();
    let rows = rows.concat();
    let file = format!("sku,category\n{rows}");
    let mut stream = TcpStream::connect(&host.address).unwrap();
    stream.write_all(head("category?id=I-1", file.len()).as_bytes()).unwrap();
    stream.write_all(&file.as_bytes()[..file.len() - 100]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while host.get("/v1/imports/I-1").body["staged"].as_u64().unwrap_or(0) < 4_000 {
        assert!(Instant::now() < deadline, "the rows are not staged");
        thread::yield_now();
    }
    assert_eq!(host.get("/v1/categories").body["entries"], json!([]));
    drop(stream);
    while host.get("/v1/imports/I-1").status == 200 {
        assert!(Instant::now() < deadline, "what was staged is not forgotten");
        thread::yield_now();
    }
    assert_eq!(counts(&sent_again(&host, "category?id=I-1", &file)), [5_000, 0, 0, 0, 0]);
    host.assert_audit_is_clean();
}

/// An import is for admins; a snapshot's calls, which are for whoever trades, do not reach it.
#[test]
fn an_import_is_no_snapshot() {
    let data = tempfile::tempdir().unwrap();
    let host = Start::new(data.path()).arg("--query-timeout", "10s").start();
    let rows: Vec<String> = (0..1_500).map(|number| format!("S{number},kind\n")).collect();
    let file = format!("sku,category\n{}", rows.concat());
    let (mut stream, all_but) = (TcpStream::connect(&host.address).unwrap(), file.len() - 100);
    stream.write_all(head("category?id=I-1", file.len()).as_bytes()).unwrap();
    stream.write_all(&file.as_bytes()[..all_but]).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while host.get("/v1/imports/I-1").body["staged"].as_u64().unwrap_or(0) < 1_000 {
        assert!(Instant::now() < deadline, "the rows are not staged");
        thread::yield_now();
    }
    let page = json!({"items": [{"sku": "TEA", "on_hand": 1}]});
    let staged = ["2", "99"].map(|number| {
        let url = format!("http://{}/v1/snapshots/I-1/pages/{number}", host.address);
        let sent = agent().put(url).content_type("application/json").send(page.to_string());
        read(sent.unwrap()).unwrap()
    });
    let others = [
        host.post("/v1/snapshots/I-1/commit", &json!({"pages": 1})),
        host.post("/v1/snapshots/I-1/approve", &json!({})),
        host.post("/v1/snapshots/I-1/discard", &json!({})),
    ];
    for answer in staged.into_iter().chain(others) {
        assert_eq!((answer.status, &answer.body["code"]), (404, &json!("unknown_session")));
    }
    stream.write_all(&file.as_bytes()[all_but..]).unwrap();
    while host.get("/v1/imports/I-1").body["state"] != "committed" {
        assert!(Instant::now() < deadline, "{:?}", host.get("/v1/imports/I-1"));
        thread::yield_now();
    }
    assert_eq!(host.get("/v1/imports/I-1").body["created"], 1_500);
    host.assert_audit_is_clean();
}

/// Both have one session: the end of the one that broke off must not be the end of the other.
#[test]
fn an_import_that_breaks_off_ends_before_it_is_sent_again() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let rows: Vec<String> = (0..30_000).map(|number| format!("S{number},kind\n")).collect();
    let file = format!("sku,category\n{}", rows.concat());
    let mut stream = TcpStream::connect(&host.address).unwrap();
    stream.write_all(head("category?id=I-1", file.len()).as_bytes()).unwrap();
    stream.write_all(&file.as_bytes()[..file.len() - 100]).unwrap();
    let deadline = Instant::now() + Duration::from_mins(1);
    while host.get("/v1/imports/I-1").body["staged"].as_u64().unwrap_or(0) < 25_000 {
        assert!(Instant::now() < deadline, "the rows are not staged");
        thread::yield_now();
    }
    let busy = csv(&host, "category?id=I-1", "sku,category\nS1,kind\n");
    assert_eq!((busy.status, &busy.body["code"]), (503, &json!("queue_full")));
    drop(stream);
    assert_eq!(counts(&sent_again(&host, "category?id=I-1", &file)), [30_000, 0, 0, 0, 0]);
    host.assert_audit_is_clean();
}

/// The host is killed while rows come in: what was staged is known to the next one.
#[test]
fn a_host_that_was_killed_goes_on_with_the_same_file() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let rows: Vec<String> = (0..20_000).map(|number| format!("S{number},kind\n")).collect();
    let rows = rows.concat();
    let file = format!("sku,category\n{rows}");
    thread::scope(|scope| {
        let url = format!("http://{}/v1/import/category?id=I-1", host.address);
        let file = &file;
        scope.spawn(move || agent().post(url).content_type("text/csv").send(file).is_ok());
        let deadline = Instant::now() + Duration::from_secs(20);
        while host.get("/v1/imports/I-1").body["staged"].as_u64().unwrap_or(0) < 2_000 {
            assert!(Instant::now() < deadline, "the rows are not staged");
        }
        host.signal("-KILL");
    });
    drop(host);
    let host = Host::start(data.path());
    assert_eq!(host.get("/v1/categories").body["entries"], json!([]));
    assert!(host.get("/v1/imports/I-1").body["staged"].as_u64().unwrap() >= 2_000);
    assert_eq!(counts(&csv(&host, "category?id=I-1", &file)), [20_000, 0, 0, 0, 0]);
    host.assert_audit_is_clean();
}

/// The host is killed while it forgets what a dry run staged: what is left of it never counts for
/// all, and the same file begins anew.
#[test]
fn an_import_that_was_being_forgotten_begins_anew() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let rows: Vec<String> = (0..60_000).map(|number| format!("S{number},kind\n")).collect();
    let rows = rows.concat();
    let file = format!("sku,category\n{rows}");
    thread::scope(|scope| {
        let url = format!("http://{}/v1/import/category?id=I-1&dry_run=true", host.address);
        let file = &file;
        scope.spawn(move || agent().post(url).content_type("text/csv").send(file).is_ok());
        let deadline = Instant::now() + Duration::from_mins(1);
        for expected in [200, 404] {
            while host.get("/v1/imports/I-1").status != expected {
                assert!(Instant::now() < deadline, "the import is not {expected}");
            }
        }
        host.signal("-KILL");
    });
    drop(host);
    let host = Host::start(data.path());
    assert_eq!(host.get("/v1/imports/I-1").status, 404);
    assert_eq!(counts(&csv(&host, "category?id=I-1", &file)), [60_000, 0, 0, 0, 0]);
    host.assert_audit_is_clean();
}

/// A file of the CLI's own folder, and what it says.
fn cli(folder: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let output = crate::door::cli::command(folder).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn the_cli_imports_exports_and_edits_likewise() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("warehouses.csv", "\u{feff}warehouse,name\r\nSZ,深圳\r\n");
    let (code, said) = cli(folder, &["import", "warehouse", "/data/warehouses.csv"]);
    assert!(code == 0 && said.contains("\"created\":1"), "{code} {said}");
    write("areas.csv", "warehouse,area\nSZ,44\nSZ,4\nXX,44\n");
    let (code, said) = cli(folder, &["import", "service_area", "/data/areas.csv"]);
    assert!(code == 1 && said.contains("line 3: ") && said.contains("line 4: "), "{code} {said}");
    let skip = ["--json", "import", "service_area", "/data/areas.csv", "--skip-errors"];
    let (code, said) = cli(folder, &skip);
    assert!(code == 0 && said.contains("\"refused\":2"), "{code} {said}");
    let (_, table) = cli(folder, &["export", "service_area", "--format", "csv"]);
    assert_eq!(table, "warehouse,area,priority,backup\r\nSZ,44,100,false\r\n");

    let put = ["catalog", "put", "service_area", "SZ", "44", "--entry", "{\"priority\":5}"];
    assert_eq!(cli(folder, &[&put[..], &["--expected-version", "9"]].concat()).0, 1);
    let (code, said) = cli(folder, &[&put[..], &["--expected-version", "2"]].concat());
    assert!(code == 0 && said.contains("updated"), "{code} {said}");
    let (_, said) = cli(folder, &["catalog", "get", "service_area", "SZ", "44"]);
    assert!(said.contains("\"priority\":5") && said.contains("\"version\":3"), "{said}");
    let (_, said) = cli(folder, &["catalog", "list", "service_area", "--prefix", "SZ "]);
    assert_eq!(said.lines().count(), 1, "{said}");
    let (code, said) = cli(folder, &["catalog", "delete", "warehouse", "SZ"]);
    assert!(code == 0 && said.matches("deleted").count() == 2, "{code} {said}");
    let (_, said) = cli(folder, &["catalog", "changes"]);
    assert_eq!(said.lines().count(), 6, "{said}");
    assert_eq!(cli(folder, &["catalog", "get", "warehouse", "SZ"]).0, 1);
    assert_eq!(cli(folder, &["audit"]).0, 0);
}

/// Issue 3: what many items take was more than any read had.
#[test]
fn reads_of_many_skus_in_many_warehouses_have_time_in_proportion() {
    let data = tempfile::tempdir().unwrap();
    let host = Start::new(data.path()).arg("--query-timeout", "20ms").start();
    let mut file = String::from("sku,warehouse,sellable,on_hand\n");
    for sku in 0..1_000 {
        writeln!(file, "S-{sku:03},,1000,").unwrap();
        for warehouse in 0..60 {
            writeln!(file, "S-{sku:03},W-{warehouse:02},,9").unwrap();
        }
    }
    let answer = csv(&host, "stock", &file);
    assert_eq!(answer.status, 200, "{answer:?}");
    let exported = host.get_text("/v1/export/stock?format=csv");
    assert_eq!(exported.lines().count(), 61_001);
    let skus: Vec<_> = (0..300).map(|sku| format!("S-{sku:03}")).collect();
    // A busy machine may need more than one try; a short time was never enough.
    let patiently = |path: &str, body: &Value| {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let answer = host.post(path, body);
            if answer.status != 503 || Instant::now() > deadline {
                return answer;
            }
        }
    };
    let found = patiently("/v1/stock/query", &json!({"skus": skus}));
    assert_eq!(found.body["stock"].as_array().map(Vec::len), Some(300), "{}", found.status);
    let lines: Vec<_> = skus.iter().map(|sku| json!({"sku": sku, "quantity": 3})).collect();
    let inquiry = json!({"ship_to": {"adcode": "440305"}, "lines": lines});
    let planned = patiently("/v1/plan", &inquiry);
    assert_eq!(planned.body["packages"].as_array().map(Vec::len), Some(1), "{}", planned.status);
}
