//! Big files of rows into the program that ships: how long they take, how much memory, and how long
//! an order waits meanwhile.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::measure::{Figure, Report, folder, orders::sku, program::Program};

const RESTRICTIONS: u32 = 200_000;
/// Half of them sellable, half on hand.
const STOCK_ROWS: u32 = 100_000;
/// An import of this size takes seconds on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(2);

pub(crate) fn run(report: &mut Report) {
    let folder = folder();
    let host = Program::edge_host(folder.path());
    host.make_skus(1);
    let idle = host.resident_mib();
    load(report, &host, "restriction", RESTRICTIONS, &restrictions("law"));
    load(report, &host, "restriction again, each changed", RESTRICTIONS, &restrictions("rule"));
    load(report, &host, "stock", STOCK_ROWS, &stock());
    let what = "resident memory: idle, after imports";
    report.add(&Figure::new(what, host.resident_mib(), "MiB").with(format!("{idle:.1} MiB idle")));
    let started = Instant::now();
    let (status, body) = host.get("/v1/export/restriction?format=csv");
    assert!(status.contains("200") && body.lines().count() > RESTRICTIONS as usize, "{status}");
    let seconds = started.elapsed().as_secs_f64();
    report.add(&Figure::new(format!("export of {RESTRICTIONS} restrictions"), seconds, "s"));
}

/// An import, while another caller orders one unit after the other.
fn load(report: &mut Report, host: &Program, what: &str, rows: u32, file: &str) {
    let stop = AtomicBool::new(false);
    let noun = what.split(' ').next().unwrap_or(what);
    let (seconds, mut waits) = thread::scope(|scope| {
        let buyer = scope.spawn(|| buy(host, &stop));
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
        let started = Instant::now();
        let answer = agent
            .post(format!("http://{}/v1/import/{noun}", host.address))
            .content_type("text/csv")
            .send(file);
        let seconds = started.elapsed().as_secs_f64();
        stop.store(true, Ordering::SeqCst);
        answer.expect("the import counts");
        (seconds, buyer.join().expect("the buyer is no worse than the import"))
    });
    waits.sort_unstable();
    let median = waits[waits.len() / 2];
    let longest = waits[waits.len() - 1];
    report.add(&Figure::new(format!("import of {rows} {what}"), seconds, "s").with(format!(
        "{:.0} rows/s; {} orders meanwhile, p50 {:.1} ms, longest {:.0} ms",
        f64::from(rows) / seconds,
        waits.len(),
        median.as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3,
    )));
}

/// How long each order took.
fn buy(host: &Program, stop: &AtomicBool) -> Vec<Duration> {
    let agent = ureq::Agent::new_with_defaults();
    let mut waits = Vec::new();
    let run = std::process::id();
    while !stop.load(Ordering::SeqCst) {
        let order = format!("B-{run}-{:?}-{}", thread::current().id(), waits.len());
        let order = order.replace(['(', ')'], "");
        let started = Instant::now();
        agent
            .post(format!("http://{}/v1/orders/{order}/deduct", host.address))
            .send_json(serde_json::json!({"lines": [{"sku": sku(0), "quantity": 1}]}))
            .expect("sales go on");
        waits.push(started.elapsed());
        thread::sleep(Duration::from_millis(2));
    }
    waits
}

fn restrictions(name: &str) -> String {
    let areas = ["everywhere", "44", "4403", "440305"];
    let mut file = "subject,area,verdict,from,until,name\n".to_owned();
    for number in 0..RESTRICTIONS {
        let (sku, area) = (sku(number / 4), areas[(number % 4) as usize]);
        let verdict = if number % 3 == 0 { "allow" } else { "deny" };
        writeln!(file, "sku:{sku},{area},{verdict},,,{name} {number}").expect("memory takes it");
    }
    file
}

fn stock() -> String {
    let mut file = "sku,warehouse,sellable,on_hand\n".to_owned();
    for number in 1..=STOCK_ROWS / 2 {
        let (sku, units) = (sku(number), number % 1_000 + 1);
        writeln!(file, "{sku},,{units},\n{sku},W{},,{units}", number % 100)
            .expect("memory takes it");
    }
    file
}
