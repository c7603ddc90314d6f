//! Real orders over a country of warehouses: the whole year with and without routing, and how long
//! the guest takes to plan each of its orders.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use edge_host::{
    guest::{
        routing::Inquiry,
        types::{Line, ShipTo, Strategy},
    },
    metrics::Metrics,
    shard::{Clock, Config, Shard},
};
use inventory_replay::{
    Feed,
    network::{Geography, Network},
    plan::{InitialStock, Order, Plan, Terms},
};

use crate::{
    boundary::{aot_guest, keep_warm},
    measure::{
        Figure, Report, folder, percentile,
        program::{Program, release},
        repository,
    },
};

const WAREHOUSES: usize = 1_000;
/// Orders of so many lines hold the asked limit apart from the few that are pages long.
const LINES_OF_MOST: usize = 100;

pub(crate) fn run(report: &mut Report) {
    let data = ["orders", "divisions", "province_demand"].map(data);
    if let Some(missing) = data.iter().find(|file| !file.exists()) {
        eprintln!("no bench of routing: there is no {}", missing.display());
        return;
    }
    let plain = replay(&data, false);
    let routed = replay(&data, true);
    report.add(&Figure::new("a year of real orders, without routing", plain, "s"));
    let what = format!("the same, routed over {WAREHOUSES} warehouses");
    report.add(&Figure::new(what, routed, "s").against(plain, "s without").asked("≤ 1.43"));
    plans(report, &data);
}

/// A file of the data beside the repository.
fn data(name: &str) -> PathBuf {
    let gzipped = repository(&format!("../shared/data/{name}.csv.gz"));
    if gzipped.exists() { gzipped } else { repository(&format!("../shared/data/{name}.csv")) }
}

fn replay_command(data: &[PathBuf; 3], is_routed: bool, host: &Program) -> Command {
    let [orders, divisions, demand] = data;
    let mut command = Command::new(release().join("edge-host"));
    command.arg("replay").arg(orders).args(["--server", &host.address]);
    if is_routed {
        command.args(["--warehouses", &WAREHOUSES.to_string(), "--divisions"]).arg(divisions);
        command.arg("--demand").arg(demand);
    }
    command
}

/// Seconds for the whole file, whose reconciliation finds no unit wrong.
fn replay(data: &[PathBuf; 3], is_routed: bool) -> f64 {
    let folder = folder();
    let host = Program::edge_host(folder.path());
    let started = Instant::now();
    let output = replay_command(data, is_routed, &host).output().expect("`make build` made it");
    let seconds = started.elapsed().as_secs_f64();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    host.stop();
    seconds
}

/// Plans every order of the year on a network whose stock nobody has bought yet.
fn plans(report: &mut Report, data: &[PathBuf; 3]) {
    let folder = folder();
    fill(folder.path(), data);
    let terms = Terms {
        initial_stock: InitialStock::Sufficient,
        ship_after: Duration::from_hours(24),
        orders_max: usize::MAX,
    };
    let plan = Plan::new(Feed::read(&data[0]).expect("a replay read it"), &terms);
    let plan = plan.expect("a replay made it");
    let geography = Geography::read(&data[1], &data[2]).expect("a replay read it");
    let network = Network::new(&geography, WAREHOUSES, &plan);

    let module = Arc::new(aot_guest());
    let config = Config {
        data: folder.path().to_owned(),
        queue_commands_max: 64,
        batch_commands_max: 64,
        batch_time_max: Duration::from_secs(2),
        readers: 1,
        query_timeout: Duration::from_secs(5),
        sweep_interval: Duration::from_secs(1),
        cache: None,
        redis: None,
    };
    let claim = Shard::claim(&config).expect("the host has stopped");
    let metrics = Metrics::new(Instant::now());
    let shard = Shard::open(claim, config, Arc::clone(&module), Clock::System, &metrics);
    let shard = shard.expect("the guest fits");
    keep_warm(&module);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a clock is there");
    let mut took: Vec<(usize, f64)> = Vec::new();
    for (order, adcode) in plan.orders.iter().zip(&network.destinations) {
        let inquiry = inquiry(&plan, order, adcode);
        let started = Instant::now();
        // What is denied there is refused, as it would be in a reservation.
        let _ = runtime.block_on(shard.plan(inquiry)).expect("no fault");
        took.push((order.lines.len(), started.elapsed().as_secs_f64() * 1e6));
    }
    let mut row = |what: &str, lines_max: usize, asked| {
        let times = took.iter().filter(|(lines, _)| *lines <= lines_max).map(|it| it.1);
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        let what = format!("plan of a real order, {what}: queue, reading, guest; p99");
        let rest = format!("p50 {:.0} µs, {} orders", percentile(&times, 0.5), times.len());
        report.add(&Figure::new(what, percentile(&times, 0.99), "µs").asked(asked).with(rest));
    };
    row("all", usize::MAX, "< 200");
    row(&format!("up to {LINES_OF_MOST} lines"), LINES_OF_MOST, "");
    row("up to 20 lines", 20, "");
}

fn inquiry(plan: &Plan, order: &Order, adcode: &str) -> Inquiry {
    let line = |it: &inventory_replay::plan::Line| Line {
        sku: plan.sku(it.sku).to_owned(),
        quantity: it.quantity,
    };
    Inquiry {
        lines: plan.lines(order).iter().map(line).collect(),
        ship_to: Some(ShipTo { adcode: adcode.to_owned(), location: None }),
        strategy: Strategy::Priority,
        allow_partial: false,
    }
}

/// Lets a replay make the network and its stock, and ends it at its first order.
fn fill(folder: &Path, data: &[PathBuf; 3]) {
    let host = Program::edge_host(folder);
    let mut command = replay_command(data, true, &host);
    let mut replay = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let replay = replay.as_mut().expect("`make build` made it");
    while !host.get("/v1/orders/536365").0.contains("200") {
        assert!(replay.try_wait().expect("it is our child").is_none(), "it ended early");
        thread::sleep(Duration::from_millis(5));
    }
    replay.kill().expect("it runs");
    replay.wait().expect("it is our child");
    host.stop();
}
