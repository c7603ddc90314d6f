//! Load generators: wrk on HTTP, redis-benchmark on Redis.

use std::process::Command;

use super::{load_time, program::Program, repository};

/// What a load came to.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
    /// redis-benchmark does not tell.
    p999: Option<f64>,
    /// Requests that got no answer, or none in 2xx.
    failed: u64,
}

impl Load {
    /// Latencies, and what went wrong, in a few words.
    pub(crate) fn latencies(&self) -> String {
        let p999 = self.p999.map(|p999| format!(" p999 {p999:.1}")).unwrap_or_default();
        let failed = match self.failed {
            0 => String::new(),
            failed => format!(", {failed} FAILED"),
        };
        format!("p50 {:.1} p99 {:.1}{p999} ms{failed}", self.p50, self.p99)
    }
}

/// Runs `benches/wrk/SCRIPT.lua` against a program.
pub(crate) fn wrk(program: &Program, script: &str, connections: u32, arguments: &[&str]) -> Load {
    let output = Command::new("wrk")
        .current_dir(repository("benches/wrk"))
        .args(["--threads", "2", "--connections", &connections.to_string(), "--latency"])
        .args(["--duration", &format!("{}s", load_time().as_secs().max(1))])
        .args(["--script", &format!("{script}.lua"), &format!("http://{}", program.address), "--"])
        .args(arguments)
        .output()
        .expect("wrk is installed (make setup)");
    let text = String::from_utf8_lossy(&output.stdout);
    // What report.lua prints: requests, microseconds taken, p50, p99 and p999 in them, failures.
    let figures = text.lines().find_map(|line| line.strip_prefix("figures "));
    let figures = figures.unwrap_or_else(|| panic!("wrk {script}: {text}"));
    let figures: Vec<f64> = figures.split(' ').filter_map(|it| it.parse().ok()).collect();
    let [requests, took, p50, p99, p999, failed] = figures[..] else {
        panic!("wrk {script}: {text}");
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let failed = failed as u64;
    Load {
        per_second: requests / took * 1e6,
        p50: p50 / 1e3,
        p99: p99 / 1e3,
        p999: Some(p999 / 1e3),
        failed,
    }
}

/// Runs one Redis command over and over; `__rand_int__` in it becomes a random number.
pub(crate) fn redis(redis: &Program, clients: u32, command: &[&str]) -> Load {
    const TRIAL: u32 = 20_000;
    let trial = redis_benchmark(redis, clients, TRIAL, command);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let requests = (trial.per_second * load_time().as_secs_f64()) as u32;
    redis_benchmark(redis, clients, requests.max(TRIAL), command)
}

fn redis_benchmark(redis: &Program, clients: u32, requests: u32, command: &[&str]) -> Load {
    let output = Command::new("redis-benchmark")
        .args(["-p", redis.port(), "-c", &clients.to_string(), "-n", &requests.to_string()])
        // So many random numbers that hardly any comes twice.
        .args(["-r", "1000000000", "--csv"])
        .args(command)
        .output()
        .expect("redis-benchmark is installed with redis-server");
    let text = String::from_utf8_lossy(&output.stdout);
    // The test's name may hold commas; the seven numbers come last: requests a second, then the
    // latencies' average, minimum, p50, p95, p99 and maximum.
    let line = text.lines().last().unwrap_or_default();
    let numbers: Vec<f64> =
        line.rsplit(',').take(7).filter_map(|it| it.trim_matches('"').parse().ok()).collect();
    let [_max, p99, _p95, p50, _min, _avg, per_second] = numbers[..] else {
        panic!("redis-benchmark: {text} {}", String::from_utf8_lossy(&output.stderr));
    };
    Load { per_second, p50, p99, p999: None, failed: 0 }
}
