//! The contract of the wire: what callers send wrongly is a 4xx that says why, and changes nothing.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use serde_json::{Value, json};

use crate::harness::{Host, Start, one_line};

/// A request as bytes; the answer as text.
fn raw(host: &Host, request: &str) -> String {
    let mut stream = TcpStream::connect(&host.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // A server that has said what is wrong may reset the rest.
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// POSTs `body` as it is.
fn raw_post(host: &Host, path: &str, body: &str) -> String {
    let length = body.len();
    raw(
        host,
        &format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        ),
    )
}

fn sequence(host: &Host) -> Value {
    host.get("/v1/changes?after=0&limit=1000").body["next"].clone()
}

#[test]
fn a_malformed_body_is_a_400_that_names_the_field_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 100);
    let before = sequence(&host);
    let long = "x".repeat(65);
    let lines = |line: &str| format!(r#"{{"lines":[{line}]}}"#);
    let too_many = vec![r#"{"sku":"TEA","quantity":1}"#; 1_001].join(",");
    for (body, names) in [
        (String::new(), ""),
        ("{".to_owned(), ""),
        ("[]".to_owned(), ""),
        (r#"{"lines":[]}"#.to_owned(), "lines"),
        // Positional, as serde would take it: each of these once made a hold.
        (r#"[[["TEA",1]],null,null,null,null,null,null]"#.to_owned(), "array"),
        (lines(r#"["TEA",1]"#), "array"),
        (lines(&too_many), "lines"),
        (lines(r#"{"sku":"TEA"}"#), "quantity"),
        (lines(r#"{"sku":"TEA","quantity":0}"#), "quantity"),
        (lines(r#"{"sku":"TEA","quantity":-1}"#), "quantity"),
        (lines(r#"{"sku":"TEA","quantity":2147483648}"#), "quantity"),
        (lines(r#"{"sku":"TEA","quantity":1.5}"#), "quantity"),
        (lines(r#"{"sku":"TEA","quantity":"1"}"#), "quantity"),
        (lines(r#"{"sku":"TEA","quantity":1e30}"#), "quantity"),
        (lines(r#"{"sku":"","quantity":1}"#), "sku"),
        (lines(r#"{"sku":"a b","quantity":1}"#), "sku"),
        (lines(r#"{"sku":"茶","quantity":1}"#), "sku"),
        (lines(&format!(r#"{{"sku":"{long}","quantity":1}}"#)), "sku"),
        (lines(r#"{"sku":"TEA","quantity":1,"price":3}"#), "price"),
        (r#"{"lines":[{"sku":"TEA","quantity":1}],"colour":1}"#.to_owned(), "colour"),
        (
            r#"{"lines":[{"sku":"TEA","quantity":1}],"ship_to":{"adcode":"44"}}"#.to_owned(),
            "adcode",
        ),
        (r#"{"lines":[{"sku":"TEA","quantity":1}],"ttl_s":0}"#.to_owned(), "ttl_s"),
        (r#"{"lines":[{"sku":"TEA","quantity":1}],"strategy":"fastest"}"#.to_owned(), "strategy"),
        (r#"{"lines":[{"sku":"TEA","quantity":1}],"lines":[]}"#.to_owned(), "lines"),
    ] {
        let answer = raw_post(&host, "/v1/orders/BAD/reserve", &body);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body}: {answer}");
        assert!(answer.contains("application/problem+json"), "{body}: {answer}");
        assert!(answer.contains(r#""code":"malformed""#), "{body}: {answer}");
        assert!(answer.contains(names), "{body}: expected {names:?} in {answer}");
    }
    assert_eq!(host.get("/v1/orders/BAD").status, 404);
    assert_eq!(sequence(&host), before);
    host.assert_audit_is_clean();
}

#[test]
fn what_is_no_proper_request_is_refused_with_its_own_status() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let post =
        |rest: &str| format!("POST /v1/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{rest}");
    let long = "x".repeat(129);
    for (request, status) in [
        (get("/nowhere"), "404"),
        (get("/v1/orders/NOBODY"), "404"),
        (get("/v1/stock/NOTHING"), "404"),
        (get(&format!("/v1/orders/{long}")), "400"),
        (get("/v1/orders/%FF"), "400"),
        (get("/v1/stock/%20"), "400"),
        (get("/v1/changes?after=x"), "400"),
        (get("/v1/changes?limit=1001"), "400"),
        (get("/v1/orders/O-1/reserve"), "405"),
        ("DELETE /v1/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(), "405"),
        (post("content-length: 2\r\n\r\n{}"), "415"),
        (post("content-type: application/json\r\ncontent-length: 99999999\r\n\r\n"), "413"),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let answer = raw(&host, &request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
    }
}

#[test]
fn a_batch_answers_each_command_in_order() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 5);
    let placed = |order: &str, quantity: u32| {
        let mut body = one_line("TEA", quantity);
        body["order_id"] = json!(order);
        body
    };
    let commands = json!({"commands": [
        {"reserve": placed("A", 3)},
        {"deduct": placed("B", 3)},
        {"confirm": {"order_id": "A"}},
        {"ship": {"order_id": "NOBODY"}},
        {"reserve": placed("A", 3)},
    ]});
    let answer = host.post("/v1/batch", &commands);
    assert_eq!(answer.status, 200);
    let outcomes = &answer.body["outcomes"];
    assert_eq!(outcomes[0]["ok"]["state"], "reserved", "{outcomes}");
    assert_eq!(outcomes[1]["refused"]["code"], "insufficient_stock");
    assert_eq!(outcomes[1]["refused"]["shortages"][0]["available"], 2);
    assert_eq!(outcomes[2]["ok"]["state"], "committed");
    assert_eq!(outcomes[3]["refused"]["code"], "unknown_order");
    assert_eq!(outcomes[4]["ok"], outcomes[0]["ok"], "a request sent again has its first answer");
}

#[test]
fn roles_bound_what_a_token_may_do() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("edge.toml");
    let token = |role: &str| format!("{role}-0123456789abcdef");
    let tokens = ["read", "trade", "admin"]
        .map(|role| format!("[[tokens]]\nrole = \"{role}\"\ntoken = \"{}\"\n", token(role)));
    std::fs::write(&file, tokens.concat()).unwrap();
    let host = Start::new(data.path()).arg("--config", file.to_str().unwrap()).start();
    let adjust = r#"{"reason":"x","items":[{"sku":"TEA","sellable":{"set":5}}]}"#;
    let deduct = one_line("TEA", 1).to_string();
    let send = |method: &str, path: &str, body: &str, role: Option<&str>| {
        let authorization = role
            .map(|role| format!("authorization: Bearer {}\r\n", token(role)))
            .unwrap_or_default();
        let length = body.len();
        let answer = raw(
            &host,
            &format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{authorization}\
                 content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            ),
        );
        answer[9..12].to_owned()
    };
    for (method, path, body, expected) in [
        ("POST", "/v1/stock/adjust", adjust, ["401", "401", "403", "403", "200"]),
        ("POST", "/v1/orders/O-1/deduct", deduct.as_str(), ["401", "401", "403", "200", "200"]),
        ("GET", "/v1/stock/TEA", "", ["401", "401", "200", "200", "200"]),
        ("GET", "/healthz", "", ["200", "200", "200", "200", "200"]),
    ] {
        // The admin goes first, so that there is stock for the others.
        for (role, expected) in [None, Some("wrong"), Some("read"), Some("trade"), Some("admin")]
            .into_iter()
            .zip(expected)
            .rev()
        {
            assert_eq!(send(method, path, body, role), expected, "{method} {path} as {role:?}");
        }
    }
}

#[test]
fn connections_beyond_the_limit_are_turned_away() {
    let data = tempfile::tempdir().unwrap();
    let host = Start::new(data.path()).arg("--max-connections", "3").start();
    let held: Vec<_> = (0..3).map(|_| TcpStream::connect(&host.address).unwrap()).collect();
    // Until the server has accepted all three, a fourth may still get through.
    let turned_away = (0..1_000).any(|_| {
        let answer = raw(&host, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        answer.starts_with("HTTP/1.1 503 ")
    });
    assert!(turned_away);
    drop(held);
    let served = (0..1_000).any(|_| {
        let answer = raw(&host, "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        answer.starts_with("HTTP/1.1 200 ")
    });
    assert!(served);
}

#[test]
fn a_full_queue_is_a_503_that_says_when_to_retry() {
    const CLIENTS: u64 = 8;
    const BATCH: u64 = 1_000;
    let data = tempfile::tempdir().unwrap();
    let host = Start::new(data.path()).arg("--queue-commands-max", "1000").start();
    host.set_sellable("TEA", 1_000_000);
    let (sold, full) = (AtomicU64::new(0), AtomicBool::new(false));
    // One batch is decided while another fills the queue; a third one has no place.
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (host, sold, full) = (&host, &sold, &full);
            scope.spawn(move || {
                for round in 0..50 {
                    if full.load(Ordering::SeqCst) {
                        return;
                    }
                    let deduct = |number| {
                        let mut body = one_line("TEA", 1);
                        body["order_id"] = json!(format!("Q-{client}-{round}-{number}"));
                        json!({ "deduct": body })
                    };
                    let commands: Vec<Value> = (0..BATCH).map(deduct).collect();
                    let body = json!({ "commands": commands }).to_string();
                    let answer = raw_post(host, "/v1/batch", &body);
                    if answer.starts_with("HTTP/1.1 200 ") {
                        sold.fetch_add(BATCH, Ordering::SeqCst);
                        continue;
                    }
                    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
                    assert!(answer.to_lowercase().contains("retry-after:"), "{answer}");
                    assert!(answer.contains("queue_full"), "{answer}");
                    full.store(true, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(full.into_inner(), "the queue was never full");
    assert_eq!(host.sellable("TEA"), 1_000_000 - sold.into_inner());
}

/// Issue 3: bodies that never ended took a megabyte each, without a common bound.
#[test]
fn bodies_that_arrive_have_a_common_bound_and_small_ones_pass() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 9);
    let head = "POST /v1/plan HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        content-type: application/json\r\ncontent-length: 1000000\r\n\r\n";
    let part = vec![b' '; 900_000];
    let begin = || {
        let mut stream = TcpStream::connect(&host.address).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        // One that is turned away need not be read to its end.
        let _ = stream.write_all(&part);
        stream
    };
    let arriving: Vec<_> = (0..80).map(|_| begin()).collect();
    assert_eq!(host.deduct("O-1", "TEA", 1).status, 200);
    // Those beyond the bound are turned away, the others when their time is up.
    let answers = arriving.into_iter().map(|mut stream| {
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    });
    let (away, late): (Vec<_>, Vec<_>) =
        answers.partition(|answer| answer.starts_with("HTTP/1.1 503 "));
    assert!((1..40).contains(&away.len()), "{} were turned away", away.len());
    assert!(away.iter().all(|answer| answer.contains("retry-after: 1\r\n")), "{away:?}");
    assert!(late.iter().all(|answer| answer.starts_with("HTTP/1.1 408 ")), "{late:?}");
    let lines = vec![json!({"sku": "TEA", "quantity": 1}); 1_000];
    let plan = || host.post("/v1/plan", &json!({"lines": lines})).status;
    assert_eq!(plan(), 200);
}

#[test]
fn a_file_that_stalls_is_told_so_as_any_other_body_is() {
    let data = tempfile::tempdir().unwrap();
    let host = Start::new(data.path()).arg("--body-timeout", "100ms").start();
    for content_type in ["text/csv", "application/json", "application/x-ndjson"] {
        let mut stream = TcpStream::connect(&host.address).unwrap();
        let head = format!(
            "POST /v1/import/category HTTP/1.1\r\nhost: x\r\ncontent-type: {content_type}\r\n\
             content-length: 1000\r\n\r\n "
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{content_type}: {answer}");
    }
}

/// Issue 3: the wire and the shard both looked, and both counted.
#[test]
fn a_sku_that_is_not_in_the_cache_is_one_miss() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 9);
    assert_eq!(host.sellable("TEA"), 9);
    assert_eq!(host.sellable("TEA"), 9);
    let query = json!({"skus": ["TEA", "NONE"]});
    assert_eq!(host.post("/v1/stock/query", &query).status, 200);
    let metrics = host.get_text("/metrics");
    let count = |name: &str| {
        let name = format!("edge_inventory_cache_{name}_total{{backend=\"memory\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().to_owned()
    };
    assert_eq!((count("misses"), count("hits")), ("2".to_owned(), "2".to_owned()));
}
