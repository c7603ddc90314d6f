//! The canary: a guest serves a copy of the data in a child process, before it may serve the data.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{Config, Error, Step, folder, refused};
use crate::{
    guest::{
        GuestModule,
        lifecycle::Description,
        stock::SkuStock,
        types::{
            Adjust, AdjustItem, Adjustment, Answer, Command, Confirm, Counter, LeftOut, Line, Mode,
            OrderState, Outcome, Placement, Refusal, Release, ReleaseReason, Ship, Strategy,
        },
    },
    host_functions::{WASI_ALLOWED, keep_warm},
    metrics::Metrics,
    runtime::{self, Binary, ChildLimits, ExecutionMode},
    shard::{self, Clock, Shard},
};

/// The subcommand of the child.
pub const TRY_GUEST: &str = "try-guest";
/// Its flag for a guest that is not to be compiled.
const TRY_INTERPRETED: &str = "--interpreter";

const LIMITS: ChildLimits =
    ChildLimits { time_max: Duration::from_mins(2), memory_bytes_max: 512 << 20 };
/// The child's own limits for a call, so that a guest that loops is told as that.
const CALL_TIME_MAX: Duration = Duration::from_secs(5);

/// What the child says of a guest that passed.
#[derive(Debug, Serialize, Deserialize)]
struct Passed {
    name: String,
    version: String,
    schema_version: u32,
}

/// Copies the data and tries the guest on it. Answers what it calls itself.
pub(super) fn run(
    shard: &Shard,
    config: &Config,
    digest: &str,
    may_migrate: bool,
) -> Result<Description, Error> {
    let failed = |reason: String| Error::Failed { step: Step::Try, reason };
    let copy = config.folder.join(folder::TRIAL);
    // One that a crash has left behind.
    let _ = fs::remove_dir_all(&copy);
    fs::create_dir_all(&copy).map_err(|error| failed(format!("{}: {error}", copy.display())))?;
    let guest = config.folder.join(format!("{digest}.wasm"));
    let tried = shard.copy_to(&copy).map_err(|error| failed(error.to_string())).and_then(|()| {
        let mut arguments = vec![OsStr::new(TRY_GUEST), guest.as_os_str(), copy.as_os_str()];
        if config.mode == ExecutionMode::Interpreter {
            arguments.push(OsStr::new(TRY_INTERPRETED));
        }
        runtime::run_child(&arguments, LIMITS).map_err(|error| match error {
            runtime::Error::Stopping => Error::Stopping,
            error => failed(error.to_string()),
        })
    });
    // It is made anew next time.
    let _ = fs::remove_dir_all(&copy);
    let said = tried?.map_err(|end| refused(Step::Try, &end))?;
    let passed: Passed = serde_json::from_str(&said).map_err(|error| failed(error.to_string()))?;
    let now = shard.description().schema_version;
    if passed.schema_version > now && !may_migrate {
        return Err(refused(
            Step::Try,
            &format!(
                "it brings the tables from version {now} to {}, and could not be taken back; \
                 install it with ?migrate=true if that is meant",
                passed.schema_version
            ),
        ));
    }
    let Passed { name, version, schema_version } = passed;
    Ok(Description { name, version, schema_version })
}

/// The child: serves the data in `copy` with the guest in `file` and gives it golden commands.
/// Answers what [`run`] wants to know, as JSON.
pub fn try_guest(file: &Path, copy: &Path, mode: ExecutionMode) -> Result<String, String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let binary = Binary::open_as(mode, file, folder.unwrap_or(Path::new(".")))
        .map_err(|error| error.to_string())?;
    let module =
        Arc::new(GuestModule::load(&binary, WASI_ALLOWED).map_err(|error| error.to_string())?);
    keep_warm(Arc::clone(&module));
    let metrics = Metrics::new(Instant::now());
    let config = shard::Config {
        data: copy.to_owned(),
        queue_commands_max: 1_024,
        batch_commands_max: 512,
        batch_time_max: CALL_TIME_MAX,
        readers: 1,
        query_timeout: CALL_TIME_MAX,
        sweep_interval: CALL_TIME_MAX,
        cache: None,
        // What a trial sells there would be sold.
        redis: None,
    };
    let shard = Shard::claim(&config)
        .and_then(|claim| Shard::open(claim, config, module, Clock::System, &metrics))
        .map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    runtime.block_on(golden(&shard))?;
    let Description { name, version, schema_version } = shard.description();
    let passed = Passed { name, version, schema_version };
    shard.stop();
    serde_json::to_string(&passed).map_err(|error| error.to_string())
}

const SKU: &str = "edge-host-trial";

/// What every guest of this contract must do, whatever its rules about warehouses and prices.
async fn golden(shard: &Shard) -> Result<(), String> {
    // Ids of their own, should the copy be of data that a trial ran on.
    let order = |name: &str| format!("{SKU}-{name}-{}", std::process::id());
    let item = AdjustItem {
        sku: SKU.to_owned(),
        counter: Counter::Sellable,
        adjustment: Adjustment::Set(10),
        compare_quantity: None,
    };
    let adjust = Adjust { reason: "trial".to_owned(), request_id: None, items: vec![item] };
    answered("adjust", shard.apply(Command::Adjust(adjust)).await)?;

    let paid = place(order("paid"), 3);
    let first = state("reserve", shard.apply(paid.clone()).await, OrderState::Reserved)?;
    let again = shard.apply(paid).await.map_err(|error| format!("reserve again: {error}"))?;
    if !again.replayed || again.result != first.result {
        return Err("the same reserve, sent again, got another answer".to_owned());
    }
    counters("after reserve", shard, (7, 3, 0)).await?;
    let too_much =
        shard.apply(place(order("short"), 8)).await.map_err(|error| error.to_string())?;
    if !matches!(too_much.result, Err(Refusal::InsufficientStock(_))) {
        return Err("8 of 7 units were not refused as insufficient_stock".to_owned());
    }
    let confirm = Confirm { order_id: order("paid"), request_id: None };
    state("confirm", shard.apply(Command::Confirm(confirm)).await, OrderState::Committed)?;
    counters("after confirm", shard, (7, 0, 3)).await?;
    let ship = Ship { order_id: order("paid"), package: None, request_id: None };
    state("ship", shard.apply(Command::Ship(ship)).await, OrderState::Shipped)?;
    counters("after ship", shard, (7, 0, 0)).await?;

    state("reserve", shard.apply(place(order("back"), 2)).await, OrderState::Reserved)?;
    let release = Release {
        order_id: order("back"),
        reason: ReleaseReason::Cancel,
        lines: None,
        request_id: None,
    };
    state("release", shard.apply(Command::Release(release)).await, OrderState::Released)?;
    counters("after release", shard, (7, 0, 0)).await?;
    shard.apply(Command::Expire(1)).await.map_err(|error| format!("expire: {error}"))?;
    shard.changes(0, 10).await.map_err(|error| format!("changes: {error}"))?;
    match shard.order(order("paid")).await {
        Ok(Some(order)) if order.state == OrderState::Shipped => {}
        other => return Err(format!("the shipped order reads as {other:?}")),
    }
    let audit = shard.audit().await.map_err(|error| format!("audit: {error}"))?;
    match audit.differences.first() {
        Some(difference) => Err(format!("the audit found {difference:?}")),
        None => Ok(()),
    }
}

fn place(order_id: String, quantity: u32) -> Command {
    Command::Reserve(Placement {
        order_id,
        lines: vec![Line { sku: SKU.to_owned(), quantity }],
        ship_to: None,
        mode: Mode::ReserveOnOrder,
        strategy: Strategy::Priority,
        ttl_s: 900,
        allow_partial: false,
        request_id: None,
        left_out: LeftOut { mode: false, ttl: false },
    })
}

fn answered(what: &str, answer: Result<Outcome, shard::Error>) -> Result<Outcome, String> {
    let outcome = answer.map_err(|error| format!("{what}: {error}"))?;
    match &outcome.result {
        Ok(_) => Ok(outcome),
        Err(refusal) => Err(format!("{what} was refused: {refusal:?}")),
    }
}

fn state(
    what: &str,
    answer: Result<Outcome, shard::Error>,
    expected: OrderState,
) -> Result<Outcome, String> {
    let outcome = answered(what, answer)?;
    match &outcome.result {
        Ok(Answer::Order(order)) if order.state == expected => Ok(outcome),
        other => Err(format!("{what} answered {other:?}")),
    }
}

/// Sellable, reserved, committed.
async fn counters(when: &str, shard: &Shard, expected: (u32, u64, u64)) -> Result<(), String> {
    let stock = shard.stock(&[SKU]).await.map_err(|error| format!("{when}: {error}"))?;
    match stock.first() {
        Some(Some(found)) => {
            let SkuStock { sellable, reserved, committed, .. } = found.stock;
            if (sellable, reserved, committed) == expected {
                return Ok(());
            }
            Err(format!("{when}: {:?}, and not {expected:?}", (sellable, reserved, committed)))
        }
        _ => Err(format!("{when}: the sku is unknown")),
    }
}
