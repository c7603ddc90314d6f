//! Real orders over a country of warehouses: the whole year with and without routing, and how long
//! the guest takes to plan each of its orders: to decide, and with reading the stock.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use edge_host::{
    guest::{
        Sqlite,
        routing::Inquiry,
        sqlite::{Error, Rows, Value},
        types::{Line, ShipTo, Strategy},
    },
    host_functions::{HostFunctions, redis::RedisHost, sqlite::SqliteHost},
};
use inventory_replay::{
    Feed,
    network::{Geography, Network},
    plan::{InitialStock, Order, Plan, Terms},
};
use rusqlite::{Connection, OpenFlags};

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
    keep_warm(&module);
    let file = folder.path().join("inventory.sqlite");
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let connection = connection.expect("the host has stopped");
    connection.execute_batch("PRAGMA cache_size = -8192").expect("as a reader has it");
    let sqlite = SqliteHost::new(connection).expect("it is a fresh connection");
    let sqlite = Timed { sqlite, inside: Duration::ZERO, last_answer: Instant::now() };
    let guest = module.instantiate(HostFunctions { sqlite, redis: RedisHost::unconfigured() });
    let mut guest = guest.expect("it fits this host");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let now = i64::try_from(now).expect("before the year 292,000,000");
    let mut costs: Vec<Cost> = Vec::new();
    for (order, adcode) in plan.orders.iter().zip(&network.destinations) {
        let inquiry = inquiry(&plan, order, adcode);
        let host = &mut guest.instance_mut().host_mut().sqlite;
        host.inside = Duration::ZERO;
        let started = Instant::now();
        host.sqlite.connection().execute_batch("BEGIN").expect("nobody else has it");
        // What is denied there is answered so, as it would be to a reservation.
        let _ = guest.plan(now, &inquiry).expect("no trap").expect("no fault");
        let ended = Instant::now();
        let host = &guest.instance_mut().host_mut().sqlite;
        host.sqlite.connection().execute_batch("ROLLBACK").expect("it was begun");
        costs.push(Cost {
            lines: order.lines.len(),
            deciding: (ended - host.last_answer).as_secs_f64() * 1e6,
            guest: (ended - started - host.inside).as_secs_f64() * 1e6,
            whole: started.elapsed().as_secs_f64() * 1e6,
        });
    }
    let mut row = |what: &str, lines_max: usize, time: fn(&Cost) -> f64, asked| {
        let times = costs.iter().filter(|it| it.lines <= lines_max).map(time);
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        let what = format!("plan of a real order: {what}, p99");
        let rest = format!("p50 {:.0} µs, {} orders", percentile(&times, 0.5), times.len());
        report.add(&Figure::new(what, percentile(&times, 0.99), "µs").asked(asked).with(rest));
    };
    row("deciding, in the guest", usize::MAX, |it| it.deciding, "< 200");
    row("all but SQLite", usize::MAX, |it| it.guest, "");
    row("with reading", usize::MAX, |it| it.whole, "");
    let what = format!("with reading, up to {LINES_OF_MOST} lines");
    row(&what, LINES_OF_MOST, |it| it.whole, "");
}

/// Microseconds of one plan.
struct Cost {
    lines: usize,
    /// From the last row that was read to the answer.
    deciding: f64,
    /// Whatever is not within SQLite.
    guest: f64,
    whole: f64,
}

/// SQLite, and how long it takes.
struct Timed {
    sqlite: SqliteHost,
    /// Spent in calls.
    inside: Duration,
    last_answer: Instant,
}

impl Timed {
    fn time<T>(&mut self, call: impl FnOnce(&mut SqliteHost) -> T) -> T {
        let started = Instant::now();
        let answer = call(&mut self.sqlite);
        self.last_answer = Instant::now();
        self.inside += self.last_answer - started;
        answer
    }
}

impl Sqlite for Timed {
    fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Result<u64, Error> {
        self.time(|sqlite| sqlite.execute(statement, parameters))
    }

    fn query(&mut self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        self.time(|sqlite| sqlite.query(statement, parameters))
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
