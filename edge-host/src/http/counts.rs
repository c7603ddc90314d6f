//! What physically lies in warehouses: counts of skus, and snapshots of whole warehouses.

use axum::response::Response;
use inventory_json::counts::{Count, CountAnswer, Shortages, ShortagesQuery};
use inventory_json::snapshots::{
    Nothing, SnapshotBegin, SnapshotCommit, SnapshotPage, SnapshotReport, SnapshotState, Snapshots,
    SnapshotsLimit, SnapshotsQuery,
};
use inventory_json::words::{ChangesLimit, PageNumber, RequestId, RequestIdRule, WarehouseCode};

use super::auth::Role;
use super::openapi::Description;
use super::outcome::apply;
use super::problem::{FORBIDDEN, Problem};
use super::refusal::{UNKNOWN_SESSION, failed};
use super::route::{Call, Route};
use super::{ADMIN, READ, TRADE, Wire, json};
use crate::guest::sessions::{Session, SessionStep};
use crate::guest::types::Command;

/// The calls of warehouses' own systems, and of those who watch over them.
pub(super) fn routes() -> Vec<Route> {
    let stock = || Description::of("stock");
    let snapshot = || Description::of("snapshots").answers::<SnapshotReport<'static>>();
    vec![
        Route::post("/v1/stock/count", TRADE, count).described(
            stock()
                .says("Units that were found in a warehouse")
                .takes::<Count>()
                .answers::<CountAnswer<'static>>()
                .conflicts(),
        ),
        Route::get("/v1/shortages", READ, shortages).described(
            stock()
                .says("What counts did not find though it is held")
                .asks::<WarehouseCode>("warehouse")
                .asks::<String>("after")
                .asks::<ChangesLimit>("limit")
                .answers::<Shortages<'static>>(),
        ),
        Route::post("/v1/snapshots", TRADE, begin).described(
            snapshot()
                .says("Begin to bring in what lies in a warehouse")
                .takes::<SnapshotBegin>()
                .conflicts(),
        ),
        Route::get("/v1/snapshots", READ, list).described(
            Description::of("snapshots")
                .says("Snapshots by name")
                .asks::<SnapshotState>("state")
                .asks::<String>("after")
                .asks::<SnapshotsLimit>("limit")
                .answers::<Snapshots<'static>>(),
        ),
        Route::get("/v1/snapshots/{snapshot}", READ, get)
            .described(snapshot().says("How far a snapshot is, and what it did")),
        Route::put("/v1/snapshots/{snapshot}/pages/{page}", TRADE, page).described(
            snapshot().says("Some of its skus, in any order").takes::<SnapshotPage>().conflicts(),
        ),
        Route::post("/v1/snapshots/{snapshot}/commit", TRADE, commit).described(
            snapshot()
                .says("Let it count: every sku of its warehouse, those not named as 0")
                .takes::<SnapshotCommit>()
                .conflicts(),
        ),
        Route::post("/v1/snapshots/{snapshot}/approve", ADMIN, approve).described(
            snapshot()
                .says("Let it count although it takes much away")
                .may_take::<Nothing>()
                .conflicts(),
        ),
        Route::post("/v1/snapshots/{snapshot}/discard", TRADE, discard).described(
            snapshot()
                .says("Forget it: what counts goes on counting")
                .may_take::<Nothing>()
                .conflicts(),
        ),
    ]
}

async fn count(mut call: Call) -> Result<Response, Problem> {
    let body: Count = json::read(&mut call).await?;
    apply(&call.wire, body.into_command(&call.wire.config.node)?).await
}

async fn shortages(call: Call) -> Result<Response, Problem> {
    let query = ShortagesQuery::parse(call.uri.query().unwrap_or_default())?;
    let ShortagesQuery { warehouse, after, limit } = query;
    let listed = call.wire.shard.shortages(warehouse, after, limit).await;
    let listed = listed.map_err(|error| failed(&error))?;
    Ok(json::answer(&Shortages::new(&listed, limit)))
}

async fn begin(mut call: Call) -> Result<Response, Problem> {
    let body: SnapshotBegin = json::read(&mut call).await?;
    apply(&call.wire, body.into_command(&call.wire.config.node)?).await
}

async fn list(call: Call) -> Result<Response, Problem> {
    let query = SnapshotsQuery::parse(call.uri.query().unwrap_or_default())?;
    let SnapshotsQuery { state, after, limit } = query;
    let listed = call.wire.shard.snapshots(state.map(Into::into), after, limit).await;
    let listed = listed.map_err(|error| failed(&error))?;
    Ok(json::answer(&Snapshots::new(&listed, limit, &call.wire.config.node)))
}

async fn get(call: Call) -> Result<Response, Problem> {
    let id = name(&call)?.into_string();
    let found = call.wire.shard.session(id).await.map_err(|error| failed(&error))?;
    Ok(json::answer(&report(&call.wire, found.as_ref())?))
}

fn report<'a>(wire: &Wire, found: Option<&'a Session>) -> Result<SnapshotReport<'a>, Problem> {
    let report = found.and_then(|it| SnapshotReport::new(it, &wire.config.node));
    report.ok_or_else(|| Problem::new(&UNKNOWN_SESSION, "no such snapshot"))
}

/// Pages and `discard` are the same steps for imports, which whoever trades may not touch.
async fn check_is_snapshot(wire: &Wire, id: &RequestId) -> Result<(), Problem> {
    let found = wire.shard.session(id.as_str().to_owned()).await;
    let found = found.map_err(|error| failed(&error))?;
    report(wire, found.as_ref()).map(|_| ())
}

async fn page(mut call: Call) -> Result<Response, Problem> {
    let number = call.parameters.get(1).and_then(|text| text.parse().ok());
    let number = number.and_then(|number| PageNumber::new(number).ok());
    let bounds = || Problem::malformed_parameter("page", "a page is 1 to 10000");
    let (name, number) = (name(&call)?, number.ok_or_else(bounds)?);
    let body: SnapshotPage = json::read(&mut call).await?;
    check_is_snapshot(&call.wire, &name).await?;
    apply(&call.wire, body.into_command(name, &number)).await
}

/// Whoever may not approve may not get around it by asking for a greater share.
async fn commit(mut call: Call) -> Result<Response, Problem> {
    let name = name(&call)?;
    let body: SnapshotCommit = json::read(&mut call).await?;
    let configured = call.wire.config.snapshot_zero_percent;
    if body.zero_percent_max().is_some_and(|it| it > configured) && call.role != Role::Admin {
        let detail = format!("zero_percent_max above {configured} needs the role admin");
        return Err(Problem::new(&FORBIDDEN, detail));
    }
    apply(&call.wire, body.into_command(name, configured)).await
}

async fn approve(mut call: Call) -> Result<Response, Problem> {
    let name = name(&call)?.into_string();
    let _: Nothing = json::read_or_default(&mut call).await?;
    apply(&call.wire, Command::Session(SessionStep::Approve(name))).await
}

async fn discard(mut call: Call) -> Result<Response, Problem> {
    let name = name(&call)?;
    let _: Nothing = json::read_or_default(&mut call).await?;
    check_is_snapshot(&call.wire, &name).await?;
    apply(&call.wire, Command::Session(SessionStep::Discard(name.into_string()))).await
}

fn name(call: &Call) -> Result<RequestId, Problem> {
    call.parameter::<RequestIdRule>("snapshot")
}
