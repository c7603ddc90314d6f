//! How soon a new process answers, with a database that is there, and where the time goes; and how
//! much memory it takes: idle, and while it writes.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::measure::{Figure, Report, folder, load::wrk, load_time, percentile, program::Program};

const SKUS: u32 = 100_000;
const STARTS: usize = 60;
/// Of the load time: one minute, where that is five seconds.
const WRITE_LOADS: u32 = 12;
/// What the host says of its start in `/metrics`, in order.
const MILESTONES: [&str; 4] = ["configured", "guest_loaded", "database_open", "listening"];

pub(crate) fn run(report: &mut Report) {
    let folder = folder();
    let host = Program::edge_host(folder.path());
    host.make_skus(SKUS);
    host.stop();
    starts(report, folder.path(), "orderly stop", Program::stop);
    starts(report, folder.path(), "kill -9", drop);
    memory(report, &Program::edge_host(folder.path()));
}

/// Starts the host again and again, each after the one before was ended by `end`.
fn starts(report: &mut Report, data: &Path, after: &str, end: fn(Program)) {
    let linked = sorted((0..STARTS).map(|_| milliseconds(Program::edge_host_version).0));
    let mut milestones: [Vec<f64>; 4] = Default::default();
    let (mut first, mut whole) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let (to_line, host) = milliseconds(|| Program::edge_host(data));
        let (to_answer, (status, body)) = milliseconds(|| host.get("/v1/stock/S050000"));
        assert!(status.contains("200"), "{status} {body}");
        first.push(to_answer);
        whole.push(to_line + to_answer);
        let (_, metrics) = host.get("/metrics");
        for (times, milestone) in milestones.iter_mut().zip(MILESTONES) {
            times.push(reached(&metrics, milestone));
        }
        end(host);
    }
    let mut row = |what: String, value, asked| {
        report.add(&Figure::new(what, value, "ms").asked(asked));
    };
    let what = format!("start to first answer, 100,000 skus, after {after}");
    let whole = sorted(whole);
    row(format!("{what}, p50"), percentile(&whole, 0.5), "< 5");
    row(format!("{what}, p99"), percentile(&whole, 0.99), "< 10");
    let linked = percentile(&linked, 0.5);
    row("  exec and link: `edge-host --version`, start to end, p50".to_owned(), linked, "");
    for (times, milestone) in milestones.into_iter().zip(MILESTONES) {
        let at = percentile(&sorted(times), 0.5);
        row(format!("  from the entry of main until {milestone}, p50"), at, "");
    }
    row("  first answer, p50".to_owned(), percentile(&sorted(first), 0.5), "");
}

fn milliseconds<T>(call: impl FnOnce() -> T) -> (f64, T) {
    let started = Instant::now();
    let answer = call();
    (started.elapsed().as_secs_f64() * 1e3, answer)
}

fn sorted(times: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut times: Vec<f64> = times.into_iter().collect();
    times.sort_by(f64::total_cmp);
    times
}

/// Milliseconds from the entry of `main`.
fn reached(metrics: &str, milestone: &str) -> f64 {
    let name = format!("edge_inventory_start_seconds{{until=\"{milestone}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    let seconds: f64 =
        line.expect("a host that listens has come so far").parse().expect("a number");
    seconds * 1e3
}

fn memory(report: &mut Report, host: &Program) {
    host.get("/v1/stock/S050000");
    // A second after its start a host gives back what only that needed.
    thread::sleep(Duration::from_secs(2));
    let idle = host.resident_mib();
    report.add(&Figure::new("resident memory, idle", idle, "MiB").asked("< 20 MB, 19.07 MiB"));
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
