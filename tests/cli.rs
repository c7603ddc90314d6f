//! The CLI under plain `wasmedge`, as its users start it: the notebooks, two processes at once,
//! `kill -9`, what is typed wrong, and the help.

use crate::door::cli::{CommandDoor, ScriptDoor, command};
use crate::door::remote::{Clock, RemoteDoor};
use crate::harness::{Host, Start, agent, one_line};
use crate::replay::write_orders;
use crate::scenarios::{play_all, play_some};
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// `serve` on a free port.
fn serve(folder: &Path, flags: &[&str]) -> Host {
    let mut command = command(folder);
    command.args(["serve", "--listen", "127.0.0.1:0"]).args(flags);
    Start::from(command).start()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder).args(arguments).output().expect("wasmedge runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_notebooks_come_out_as_written_through_a_script() {
    play_all(|| Box::new(ScriptDoor::open()));
}

#[test]
fn the_notebooks_come_out_as_written_through_the_clis_server() {
    play_all(|| {
        let folder = tempfile::tempdir().unwrap();
        let host = serve(folder.path(), &["--manual-clock"]);
        let url = format!("http://{}", host.address);
        Box::new(RemoteDoor::new(url, Clock::Header, Box::new((host, folder))))
    });
}

/// A process a step is slow: these have every operation, flag and kind of answer.
#[test]
fn the_notebooks_come_out_as_written_through_subcommands() {
    play_some(&["adjust", "counting", "modes", "release", "warehouses"], || {
        Box::new(CommandDoor::open())
    });
}

/// The last field of a name counted, and what the key says was passed over.
#[test]
fn an_entry_is_put_as_strictly_as_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let put = |entry: &str| {
        let put = ["catalog", "put", "warehouse", "SZ", "--entry", entry];
        run(folder.path(), &put).status.code()
    };
    assert_eq!(put(r#"{"name":"one"}"#), Some(0));
    for wrong in [r#"{"name":"one","name":"two"}"#, r#"{"warehouse":"SZ"}"#, r#"{"colour":1}"#] {
        assert_eq!(put(wrong), Some(64), "{wrong}");
    }
}

#[test]
fn a_folder_in_use_is_left_alone_and_is_free_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut owner = ScriptDoor::on(folder.path());
    assert_eq!(set(&mut owner, "A", 10)["ok"]["adjusted"][0]["after"], 10);
    for arguments in [&["stock", "A"][..], &["deduct", "O-1", "A=1"], &["serve"], &["script"]] {
        let refused = run(folder.path(), arguments);
        assert_eq!(refused.status.code(), Some(75), "{arguments:?}: {}", said(&refused));
        let message = said(&refused);
        assert!(message.contains("/data/shop is in use by another process"), "{message}");
    }
    owner.kill();
    let deducted = run(folder.path(), &["deduct", "O-1", "A=1"]);
    assert_eq!(deducted.status.code(), Some(0), "{}", said(&deducted));
}

fn set(door: &mut ScriptDoor, sku: &str, units: u32) -> Value {
    let item = json!({"sku": sku, "sellable": {"set": units}});
    door.ask(&json!({"adjust": {"reason": "initial", "items": [item]}}))
}

#[test]
fn processes_at_once_lose_no_update() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), &["adjust", "--reason", "initial", "A:sellable=1000"]);
    assert!(first.status.success(), "{}", said(&first));
    let deduct_three = |who: usize| {
        let mut done = 0;
        for order in 0..3 {
            let id = format!("O-{who}-{order}");
            // Whoever finds the folder in use comes again, as the exit status asks.
            let status = loop {
                let output = run(folder.path(), &["deduct", &id, "A=1"]);
                match output.status.code() {
                    Some(75) => {}
                    code => break code,
                }
            };
            assert_eq!(status, Some(0));
            done += 1;
        }
        done
    };
    let done: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|who| scope.spawn(move || deduct_three(who))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let stock = run(folder.path(), &["--json", "stock", "A"]);
    let stock: Value = serde_json::from_slice(&stock.stdout).unwrap();
    assert_eq!(stock["ok"]["sellable"], 1_000 - done, "{stock}");
    assert!(run(folder.path(), &["audit"]).status.success());
}

#[test]
fn a_script_killed_in_the_middle_keeps_all_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut order = 0;
    for kill_after in [1, 30, 200] {
        let mut script = ScriptDoor::on(folder.path());
        set(&mut script, "A", 1_000_000);
        let first = order;
        // Without waiting for answers: there is always a transaction under way.
        while order < first + kill_after * 3 {
            order += 1;
            let mut body = one_line("A", 1);
            body["order_id"] = format!("O-{order}").into();
            script.say(&json!({ "deduct": body }));
        }
        let mut acknowledged = Vec::new();
        while acknowledged.len() < kill_after {
            acknowledged.push(script.hear().expect("an answer"));
        }
        script.kill();
        // What it had answered before it died, but nobody had read.
        acknowledged.extend(std::iter::from_fn(|| script.hear()));
        let mut again = ScriptDoor::on(folder.path());
        for answer in acknowledged {
            let id = answer["ok"]["order_id"].as_str().expect("a deduction").to_owned();
            let order = again.ask(&json!({ "get": { "order_id": id } }));
            assert_eq!(order["ok"]["state"], "committed", "{order}");
        }
        assert_eq!(again.ask(&json!({ "audit": {} }))["ok"]["ok"], true);
    }
}

#[test]
fn a_server_killed_under_load_keeps_all_it_acknowledged() {
    const CALLERS: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let host = serve(folder.path(), &[]);
        host.set_sellable("A", 1_000_000);
        let stop = AtomicBool::new(false);
        let acknowledged: Vec<String> = std::thread::scope(|scope| {
            let call = |caller: usize| {
                let (host, stop) = (&host, &stop);
                move || {
                    let mut done = Vec::new();
                    for order in 0.. {
                        let id = format!("O-{round}-{caller}-{order}");
                        let path = format!("/v1/orders/{id}/deduct");
                        match host.try_post(&path, &one_line("A", 1)) {
                            Some(answer) if answer.status == 200 => done.push(id),
                            other => {
                                assert!(stop.load(Ordering::SeqCst), "{other:?} before the kill");
                                break;
                            }
                        }
                    }
                    done
                }
            };
            let callers: Vec<_> = (0..CALLERS).map(|it| scope.spawn(call(it))).collect();
            while host.sellable("A") > 1_000_000 - 200 {}
            stop.store(true, Ordering::SeqCst);
            host.signal("-KILL");
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        drop(host);
        // Of those that were done, each caller may have missed its last answer.
        assert!(acknowledged.len() + CALLERS >= 200, "{}", acknowledged.len());
        let host = serve(folder.path(), &[]);
        for id in acknowledged {
            assert_eq!(host.get(&format!("/v1/orders/{id}")).body["state"], "committed", "{id}");
        }
        host.assert_audit_is_clean();
    }
}

#[test]
fn what_is_typed_wrong_is_said_with_its_cure() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("w.csv"), "warehouse\nSZ\n").unwrap();
    for (arguments, code, message) in [
        (&["reserve", "O-1", "A=0"][..], 64, "Quantity is an integer from 1 to 2147483647, not 0"),
        (&["reserve", "O-1", "A"], 64, "a line is SKU=QUANTITY, not A"),
        (&["reserve", "O-1"], 64, "SKU=QUANTITY"),
        (&["reserve", "O 1", "A=1"], 64, "OrderId is 1 to 128 visible ASCII characters"),
        (&["reserve", "O-1", "A=1", "--mode", "soon"], 64, "unknown variant `soon`"),
        (&["reserve", "O-1", "--body", "{\"rows\":1}"], 64, "unknown field `rows`"),
        (&["adjust", "--reason", "x", "A:stock=1"], 64, "an item is SKU:sellable=100"),
        (&["adjust", "--reason", "x", "A=1"], 64, "A=1 is no item"),
        (&["adjust", "A:sellable=1"], 64, "--reason"),
        (&["resreve", "O-1"], 64, "'reserve'"),
        (&["--now", "noon", "audit"], 64, "2026-11-22T09:00:00Z"),
        (&["--data", "/nowhere/shop", "audit"], 74, "--dir"),
        (&["serve", "--listen", "0.0.0.0:0"], 64, "no tokens are configured"),
        (&["import", "warehouse", "/data/w.csv", "--replace"], 64, "deleted one by one"),
        (&["get", "O-1"], 1, ""),
        (&["stock", "A"], 1, ""),
        (&["deduct", "O-1", "A=1"], 1, ""),
    ] {
        let output = run(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        let text = said(&output).to_lowercase();
        assert!(text.contains(&message.to_lowercase()), "{arguments:?}: {text}");
    }
}

#[test]
fn a_script_goes_on_after_a_line_it_does_not_understand() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path());
    command.arg("script").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = command.spawn().unwrap();
    let lines = concat!(
        "# a comment, and an empty line\n\n",
        r#"{"adjust":{"reason":"x","items":[{"sku":"A","sellable":{"set":5}}]}}"#,
        "\n{\"bogus\":1}\nnonsense\n",
        r#"{"reserve":{"order_id":"O-1","lines":[["A",1]]}}"#,
        "\n",
        r#"{"deduct":{"order_id":"O-1","lines":[{"sku":"A","quantity":1}]}}"#,
    );
    script.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = script.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<&Value> = answers.iter().map(|it| &it["fault"]["code"]).collect();
    assert_eq!(json!(codes), json!([null, "malformed", "malformed", "malformed", null]));
    assert_eq!(answers[4]["ok"]["state"], "committed");
}

/// What the server sends until it closes the connection.
fn converse(host: &Host, request: &str) -> String {
    let mut stream = TcpStream::connect(&host.address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn requests_sent_at_once_are_answered_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let host = serve(folder.path(), &[]);
    host.set_sellable("A", 1_000);
    let body = one_line("A", 1).to_string();
    let deduct = |order: usize| {
        format!(
            "POST /v1/orders/O-{order}/deduct HTTP/1.1\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut requests = String::new();
    for order in 0..300 {
        requests += &deduct(order);
        requests += "GET /v1/stock/A HTTP/1.1\r\n\r\n";
    }
    requests += "GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n";
    let answers = converse(&host, &requests);
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 601);
    let sellable = answers.split("\"sellable\":").skip(1);
    let sellable: Vec<u32> =
        sellable.map(|it| it.split(',').next().unwrap().parse().unwrap()).collect();
    // Each read sees the write before it, and none behind it.
    assert_eq!(sellable, (0..300).map(|order| 999 - order).collect::<Vec<_>>());
    assert!(answers.contains("connection: close"), "{answers}");
}

#[test]
fn slow_callers_hold_up_nobody_and_are_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let host = serve(folder.path(), &["--idle-timeout-s", "1", "--max-connections", "40"]);
    host.set_sellable("A", 10);
    let part = "POST /v1/orders/O-1/deduct HTTP/1.1\r\ncontent-length: 10\r\n\r\n{";
    let slow: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(&host.address).unwrap();
            stream.write_all(part.as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(host.deduct("O-1", "A", 1).status, 200);
    for mut stream in slow {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
    }
    let many: Vec<TcpStream> =
        (0..60).map(|_| TcpStream::connect(&host.address).unwrap()).collect();
    let mut turned_away = 0;
    for mut stream in many {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        turned_away += usize::from(answer.starts_with("HTTP/1.1 503"));
    }
    assert!((20..60).contains(&turned_away), "{turned_away} of 60 beyond 40 were turned away");
    // A connection of its own: the one before was silent for too long.
    let url = format!("http://{}/v1/orders/O-2/deduct", host.address);
    assert_eq!(agent().post(url).send_json(one_line("A", 1)).unwrap().status(), 200);
}

#[test]
fn tokens_open_what_their_role_may_do() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("wasmedge");
    command.args(["--env", "EDGE_INVENTORY_TOKENS=trade:trade-0123456789,admin:admin-0123456789"]);
    command.args(crate::door::cli::command(folder.path()).get_args());
    command.args(["serve", "--listen", "0.0.0.0:0"]);
    let host = Start::from(command).start();
    let address = host.address.replace("0.0.0.0", "127.0.0.1");
    let status = |path: &str, token: Option<&str>| {
        let request = agent().post(format!("http://{address}{path}"));
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        request.send_empty().unwrap().status().as_u16()
    };
    assert_eq!(status("/v1/audit", None), 401);
    assert_eq!(status("/v1/audit", Some("trade-0123456789")), 403);
    assert_eq!(status("/v1/audit", Some("admin-0123456789")), 200);
    assert_eq!(status("/v1/orders/O-1/confirm", Some("trade-0123456789")), 404);
    assert_eq!(agent().get(format!("http://{address}/readyz")).call().unwrap().status(), 200);
}

#[test]
fn a_replay_reconciles_and_run_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write_orders(&folder.path().join("orders.csv"));
    let replay =
        |flags: &[&str]| run(folder.path(), &[&["replay", "/data/orders.csv"], flags].concat());
    let last_change = || {
        let changes = run(folder.path(), &["--json", "changes", "--after", "1000"]);
        serde_json::from_slice::<Value>(&changes.stdout).unwrap()["ok"]["next"].clone()
    };
    let scarce = ["--stock", "scarce", "--ship-after-s", "3600"];
    let mut seen = Vec::new();
    for _ in 0..2 {
        let output = replay(&scarce);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(0), "{text}{}", said(&output));
        assert!(text.contains("no unit is wrong, and the audit is clean"), "{text}");
        assert!(text.contains("reserve refused: insufficient_stock"), "{text}");
        seen.push(last_change());
    }
    assert_eq!(seen[0], seen[1]);
    let other = replay(&[]);
    assert_eq!(other.status.code(), Some(64));
    assert!(said(&other).contains("holds a replay of other orders"), "{}", said(&other));
    let wrong = run(folder.path(), &["adjust", "--reason", "wrong", "S7:sellable+=1"]);
    assert!(wrong.status.success(), "{}", said(&wrong));
    let output = replay(&scarce);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 DIFFERENCES") && text.contains("sku S7: stock: expected"), "{text}");
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    let folder = tempfile::tempdir().unwrap();
    let help = |arguments: &[&str]| {
        let output = run(folder.path(), arguments);
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let overview = help(&["--help"]);
    let (_, commands) = overview.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let names: Vec<&str> =
        commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let text = help(&[name, "--help"]);
        assert!(text.contains("Example"), "{name}: {text}");
        assert!(text.contains("--data <DIR>"), "{name}: {text}");
    }
}

#[test]
fn the_server_speaks_the_hosts_http() {
    let folder = tempfile::tempdir().unwrap();
    let host = serve(folder.path(), &["--body-bytes-max", "2048"]);
    host.set_sellable("A", 10);
    assert_eq!(host.get("/healthz").body, json!({"status": "ok"}));
    assert_eq!(host.get("/readyz").body, json!({"status": "ready"}));
    let first = host.deduct("O-1", "A", 3);
    let again = host.deduct("O-1", "A", 3);
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!(first.body, again.body);
    for (path, status, code) in [
        ("/v1/orders/none", 404, "unknown_order"),
        ("/v1/stock/none", 404, "unknown_sku"),
        ("/v1/stock/%20", 400, "malformed"),
        ("/v1/changes?since=1", 400, "malformed"),
        ("/v1/batch", 405, "method_not_allowed"),
        ("/v2", 404, "no_route"),
    ] {
        let answer = host.get(path);
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{path}");
    }
    for (body, status, code) in [
        (json!({"lines": [{"sku": "A", "quantity": 8}]}), 409, "insufficient_stock"),
        (json!({"lines": []}), 400, "malformed"),
        (json!({"lines": [{"sku": "x".repeat(3_000), "quantity": 8}]}), 413, "body_too_large"),
    ] {
        let answer = host.post("/v1/orders/O-2/deduct", &body);
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{body}");
    }
    let batch = host.post(
        "/v1/batch",
        &json!({"commands": [
            {"reserve": {"order_id": "O-3", "lines": [{"sku": "A", "quantity": 7}]}},
            {"reserve": {"order_id": "O-4", "lines": [{"sku": "A", "quantity": 1}]}},
        ]}),
    );
    assert_eq!(batch.body["outcomes"][0]["ok"]["state"], "reserved");
    assert_eq!(batch.body["outcomes"][1]["refused"]["code"], "insufficient_stock");
    host.assert_audit_is_clean();
}
