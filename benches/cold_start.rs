//! How soon a new process answers, with a database that is there, and how much memory it takes:
//! idle, and while it writes.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::measure::{Figure, Report, folder, load::wrk, load_time, percentile, program::Program};

const SKUS: u32 = 100_000;
const STARTS: u32 = 60;
/// Of the load time: one minute, where that is five seconds.
const WRITE_LOADS: u32 = 12;

pub(crate) fn run(report: &mut Report) {
    let folder = folder();
    Program::edge_host(folder.path()).make_skus(SKUS);
    let mut milliseconds: Vec<f64> = (0..STARTS)
        .map(|_| {
            let started = Instant::now();
            let host = Program::edge_host(folder.path());
            let (status, body) = host.get("/v1/stock/S050000");
            let took = started.elapsed();
            assert!(status.contains("200"), "{status} {body}");
            took.as_secs_f64() * 1e3
        })
        .collect();
    milliseconds.sort_by(f64::total_cmp);
    let at = |share| percentile(&milliseconds, share);
    report.add(
        &Figure::new("start to first answer, 100,000 skus, p50", at(0.5), "ms").asked("later < 5"),
    );
    report.add(
        &Figure::new("start to first answer, 100,000 skus, p99", at(0.99), "ms")
            .asked("later < 10"),
    );
    memory(report, &Program::edge_host(folder.path()));
}

fn memory(report: &mut Report, host: &Program) {
    host.get("/v1/stock/S050000");
    thread::sleep(Duration::from_millis(200));
    let idle = host.resident_mib();
    report.add(&Figure::new("resident memory, idle", idle, "MiB").asked("< 64"));
    let skus = SKUS.to_string();
    let resident: Vec<f64> = (0..WRITE_LOADS)
        .map(|turn| {
            wrk(host, "deduct", 64, &[&format!("memory{turn}"), &skus]);
            host.resident_mib()
        })
        .collect();
    let (middle, end) = (resident[resident.len() / 2], resident[resident.len() - 1]);
    let what = format!("resident memory, {} s of writes", (load_time() * WRITE_LOADS).as_secs());
    report.add(&Figure::new(what, end, "MiB").against(middle, "MiB half-way").asked("steady"));
}
