//! Real orders over a country of warehouses: the whole year with and without routing, and how long
//! the guest takes for each of its orders: to decide a reservation, and to plan and say why.

use std::{
    path::{Path, PathBuf},
    process::{self, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use edge_host::{
    guest::{
        Guest, Sqlite,
        routing::Inquiry,
        sqlite::{Error, Rows, Value},
        types::{Command, LeftOut, Line, Mode, Placement, ShipTo, Strategy},
    },
    host_functions::{HostFunctions, redis::RedisHost, sqlite::SqliteHost},
};
use inventory_replay::{
    Feed,
    network::{Geography, Network},
    plan::{InitialStock, Order, Plan, Terms},
};
use rusqlite::Connection;

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
    let mut row = |what: &str, time: fn(&Spent) -> f64| {
        let (plain, routed) = (time(&plain), time(&routed));
        report.add(&Figure::new(format!("a year of real orders, {what}"), plain, "s"));
        let what = format!("the same, routed over {WAREHOUSES} warehouses");
        report.add(&Figure::new(what, routed, "s").against(plain, "s without").asked("≤ 1.43"));
    };
    row("its commands", |it| it.wall);
    row("the host's processor time with the audit", |it| it.processor);
    plans(report, &data);
}

/// A file of the data beside the repository.
fn data(name: &str) -> PathBuf {
    let gzipped = repository(&format!("../shared/data/{name}.csv.gz"));
    if gzipped.exists() { gzipped } else { repository(&format!("../shared/data/{name}.csv")) }
}

fn replay_command(data: &[PathBuf; 3], is_routed: bool, host: &Program) -> process::Command {
    let [orders, divisions, demand] = data;
    let mut command = process::Command::new(release().join("edge-host"));
    command.arg("replay").arg(orders).args(["--server", &host.address]);
    if is_routed {
        command.args(["--warehouses", &WAREHOUSES.to_string(), "--divisions"]).arg(divisions);
        command.arg("--demand").arg(demand);
    }
    command
}

/// Seconds for the whole file.
struct Spent {
    /// From the first command to the last answer.
    wall: f64,
    /// Of the host, its audit included: what else the machine does matters less to it.
    processor: f64,
}

/// Replays the whole file, whose reconciliation finds no unit wrong.
fn replay(data: &[PathBuf; 3], is_routed: bool) -> Spent {
    let folder = folder();
    let host = Program::edge_host(folder.path());
    let output = replay_command(data, is_routed, &host).output().expect("`make build` made it");
    let processor = host.processor_seconds();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}");
    // `62,591 commands in 25.10 s: …`
    let seconds = said.split_once(" commands in ").and_then(|(_, rest)| rest.split_once(" s:"));
    let wall = seconds.and_then(|(seconds, _)| seconds.parse().ok()).expect("a replay says so");
    host.stop();
    Spent { wall, processor }
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
    keep_warm(&module);
    let connection = Connection::open(folder.path().join("inventory.sqlite"));
    let connection = connection.expect("the host has stopped");
    // The writer's cache, and no waiting for the disk: reservations are committed, as in life.
    connection
        .execute_batch("PRAGMA cache_size = -16384; PRAGMA synchronous = OFF")
        .expect("it is open");
    let sqlite = SqliteHost::new(connection).expect("it is a fresh connection");
    let sqlite = Timed { sqlite, inside: Duration::ZERO, read: None, written: None };
    let guest = module.instantiate(HostFunctions { sqlite, redis: RedisHost::unconfigured() });
    let mut guest = guest.expect("it fits this host");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let now = i64::try_from(now).expect("before the year 292,000,000");
    let (mut reserved, mut planned): (Vec<Cost>, Vec<Cost>) = Default::default();
    // One kind after the other, as an order system calls: a plan that says why of every warehouse
    // leaves the processor's caches to the next reservation as none would find them.
    let orders = || plan.orders.iter().zip(&network.destinations);
    for (order, adcode) in orders() {
        let inquiry = inquiry(&plan, order, adcode);
        // What is denied there is answered so, as it would be to a reservation.
        planned.push(cost(&mut guest, order.lines.len(), Ends::RolledBack, |guest| {
            drop(guest.plan(now, &inquiry).expect("no trap").expect("no fault"));
        }));
    }
    for (order, adcode) in orders() {
        let inquiry = inquiry(&plan, order, adcode);
        let command = Command::Reserve(Placement {
            order_id: format!("bench-{}", order.id),
            lines: inquiry.lines,
            mode: Mode::ReserveOnOrder,
            ttl_s: 900,
            ship_to: inquiry.ship_to,
            strategy: inquiry.strategy,
            allow_partial: false,
            request_id: None,
            left_out: LeftOut { mode: false, ttl: false },
        });
        reserved.push(cost(&mut guest, order.lines.len(), Ends::Committed, |guest| {
            drop(guest.apply(now, &[command]).expect("no trap").expect("no fault"));
        }));
    }
    let mut row = |what: &str, costs: &[Cost], time: fn(&Cost) -> f64, asked| {
        let mut times: Vec<f64> = costs.iter().map(time).collect();
        times.sort_by(f64::total_cmp);
        let rest = format!("p50 {:.0} µs, {} orders", percentile(&times, 0.5), times.len());
        let figure = Figure::new(format!("{what}, p99"), percentile(&times, 0.99), "µs");
        report.add(&figure.asked(asked).with(rest));
    };
    row("a real order: the guest decides its reservation", &reserved, |it| it.deciding, "< 200");
    reserved.retain(|it| it.lines <= LINES_OF_MOST);
    let most = format!("the same, up to {LINES_OF_MOST} lines");
    row(&most, &reserved, |it| it.deciding, "");
    let what =
        format!("a plan of it, which says why of {WAREHOUSES} warehouses: the guest decides");
    row(&what, &planned, |it| it.deciding, "");
    row("the same, all but SQLite", &planned, |it| it.guest, "");
    row("the same, with reading", &planned, |it| it.whole, "");
}

/// Microseconds of one call.
struct Cost {
    lines: usize,
    /// From the last row that was read to the first that is written, or else to the answer.
    deciding: f64,
    /// Whatever is not within SQLite.
    guest: f64,
    whole: f64,
}

/// How a transaction ends.
#[derive(Clone, Copy)]
enum Ends {
    Committed,
    RolledBack,
}

/// What a call costs in a transaction of its own.
fn cost(guest: &mut Timing, lines: usize, ends: Ends, call: impl FnOnce(&mut Timing)) -> Cost {
    let host = &mut guest.instance_mut().host_mut().sqlite;
    (host.inside, host.read, host.written) = (Duration::ZERO, None, None);
    host.sqlite.connection().execute_batch("BEGIN").expect("nobody else has it");
    let started = Instant::now();
    call(guest);
    let ended = Instant::now();
    let host = &guest.instance_mut().host_mut().sqlite;
    let end = match ends {
        Ends::Committed => "COMMIT",
        Ends::RolledBack => "ROLLBACK",
    };
    host.sqlite.connection().execute_batch(end).expect("it was begun");
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
    let whole = ended - started;
    Cost {
        lines,
        deciding: microseconds(host.written.unwrap_or(ended) - host.read.expect("it reads")),
        guest: microseconds(whole.saturating_sub(host.inside)),
        whole: microseconds(whole),
    }
}

type Timing = Guest<HostFunctions<Timed>>;

/// SQLite, and how long it takes.
struct Timed {
    sqlite: SqliteHost,
    /// Spent in calls.
    inside: Duration,
    /// When the last row was read, and when the first was written.
    read: Option<Instant>,
    written: Option<Instant>,
}

impl Sqlite for Timed {
    fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Result<u64, Error> {
        let started = Instant::now();
        self.written.get_or_insert(started);
        let answer = self.sqlite.execute(statement, parameters);
        self.inside += started.elapsed();
        answer
    }

    fn query(&mut self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        let started = Instant::now();
        let answer = self.sqlite.query(statement, parameters);
        let ended = Instant::now();
        self.read = Some(ended);
        self.inside += ended - started;
        answer
    }
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
