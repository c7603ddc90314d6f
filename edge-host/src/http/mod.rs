//! The wire: HTTP/JSON as `api.md` has it. The only room that names axum.
//!
//! A request is parsed into the guest's own records, handed to the shard, and what comes back is
//! rendered, both by `wit/json`; no rule lives here. The table in [`routes`] is the whole
//! API: the router, the OpenAPI document, the roles and the metrics' labels all come from it.

mod route;

mod json;

mod problem;

mod refusal;

mod outcome;

mod orders;

mod adjust;

mod batch;

mod stock;

mod counts;

mod plan;

mod changes;

mod catalog;

mod imports;

mod admin;

mod guest;

mod openapi;

mod server;

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderName, Uri};
use axum::response::Response;
pub use inventory_json::auth::{Role, TOKEN_BYTES_MIN, Token, parse_tokens};
pub use inventory_json::orders::{Defaults, Mode};
use inventory_json::plan::Availability;
use inventory_json::stock::Stock;
use inventory_json::{answers, audit, auth, orders as bodies, words};

pub use self::server::{Drained, serve};

use tokio::sync::Semaphore;

use self::auth::Access;
use self::openapi::Description;
use self::problem::{METHOD_NOT_ALLOWED, NO_ROUTE, Problem, respond};
use self::route::Route;
use crate::hot_swap::HotSwap;
use crate::metrics::{self, Metrics};
use crate::shard::Shard;

/// On every answer that was given before to the same request.
const IDEMPOTENT_REPLAY: HeaderName = HeaderName::from_static("idempotent-replay");

/// What the wire needs to know, validated by `config`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Connections beyond these are turned away with 503.
    pub connections_max: usize,
    /// How long a connection may stay silent before or between requests.
    pub idle_timeout: Duration,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// The largest body of a request.
    pub body_bytes_max: usize,
    /// How long a write may wait to become durable before the caller is told to ask again.
    pub write_timeout: Duration,
    /// How long requests under way may take to finish when the node stops.
    pub shutdown_timeout: Duration,
    /// Empty: everybody may do everything, which `config` allows on loopback addresses only.
    pub tokens: Vec<Token>,
    /// For a reservation that names no mode or time to live.
    pub defaults: Defaults,
    /// The first half of every event id.
    pub node: String,
    /// A snapshot that counts more of a warehouse's stocked skus as 0 waits for approval.
    pub snapshot_zero_percent: u32,
}

/// What every handler holds.
struct Wire {
    config: Config,
    shard: Shard,
    hot_swap: HotSwap,
    metrics: Arc<Metrics>,
    imports: imports::Imports,
    /// For bodies that are arriving.
    room: Semaphore,
    /// The API's description, rendered when it is first asked for.
    openapi: OnceLock<Bytes>,
}

/// The whole API over `shard`.
pub fn router(config: Config, shard: Shard, hot_swap: HotSwap, metrics: Arc<Metrics>) -> Router {
    let other = Arc::new(metrics.route("*", "other"));
    let (imports, openapi) = (imports::Imports::new(), OnceLock::new());
    let room = json::room(config.body_bytes_max.max(hot_swap.guest_bytes_max()));
    let wire = Arc::new(Wire { config, shard, hot_swap, metrics, imports, room, openapi });
    let mut router = Router::new();
    for route in routes() {
        let (path, also_at) = (route.path, route.also_at);
        let mounted = route.mount(&wire);
        for other in also_at {
            router = router.route(other, mounted.clone());
        }
        router = router.route(path, mounted);
    }
    let no_method = Arc::clone(&other);
    router
        .fallback(move |uri: Uri| async move { no_route(&other, &uri) })
        .method_not_allowed_fallback(move || async move { method_not_allowed(&no_method) })
}

const READ: Access = Access::Needs(Role::Read);
const TRADE: Access = Access::Needs(Role::Trade);
const ADMIN: Access = Access::Needs(Role::Admin);

/// The whole API.
fn routes() -> Vec<Route> {
    let rooms = [
        order_routes(),
        plan::routes(),
        stock_routes(),
        counts::routes(),
        catalog::routes(),
        admin_routes(),
    ];
    rooms.into_iter().flatten().collect()
}

fn order_routes() -> Vec<Route> {
    let order = || Description::of("orders").answers::<answers::OrderAnswer>();
    vec![
        Route::post("/v1/orders/{order_id}/reserve", TRADE, orders::reserve).described(
            order().says("Hold units for an order").takes::<bodies::Placement>().conflicts(),
        ),
        Route::post("/v1/orders/{order_id}/deduct", TRADE, orders::deduct).described(
            order().says("Hold and pay units in one step").takes::<bodies::Placement>().conflicts(),
        ),
        Route::post("/v1/orders/{order_id}/confirm", TRADE, orders::confirm)
            .described(order().says("The hold is paid").may_take::<bodies::Confirm>().conflicts()),
        Route::post("/v1/orders/{order_id}/extend", TRADE, orders::extend)
            .described(order().says("Prolong a live hold").takes::<bodies::Extend>().conflicts()),
        Route::post("/v1/orders/{order_id}/ship", TRADE, orders::ship)
            .described(order().says("Packages leave").may_take::<bodies::Ship>().conflicts()),
        Route::post("/v1/orders/{order_id}/release", TRADE, orders::release)
            .described(order().says("Give units back").takes::<bodies::Release>().conflicts()),
        Route::post("/v1/orders/{order_id}/transfer", TRADE, orders::transfer).described(
            order()
                .says("A package leaves from another warehouse")
                .takes::<bodies::Transfer>()
                .conflicts(),
        ),
        Route::get("/v1/orders/{order_id}", READ, orders::get).described(
            Description::of("orders").says("An order and its history").answers::<answers::Order>(),
        ),
        Route::post("/v1/batch", TRADE, batch::apply).described(
            Description::of("orders")
                .says("Many commands, decided in order")
                .takes::<inventory_json::batch::Batch>()
                .answers::<inventory_json::batch::BatchAnswer>(),
        ),
    ]
}

fn stock_routes() -> Vec<Route> {
    vec![
        Route::get("/v1/stock/{sku}", READ, stock::get)
            .also_at(&["/v1/stock/query", "/v1/stock/adjust", "/v1/stock/count"])
            .described(
                Description::of("stock")
                    .says("A sku's counters; with ship_to, what can be promised there, and why")
                    .asks::<words::Adcode>("ship_to")
                    .answers_either::<Stock, Availability>(),
            ),
        Route::post("/v1/stock/query", READ, stock::query).described(
            Description::of("stock")
                .says("The counters of many skus")
                .takes::<inventory_json::stock::StockQuery>()
                .answers::<inventory_json::stock::StockAnswer>(),
        ),
        Route::post("/v1/stock/adjust", ADMIN, adjust::adjust).described(
            Description::of("stock")
                .says("Correct counters, all or none")
                .takes::<inventory_json::adjust::Adjust>()
                .answers::<inventory_json::adjust::AdjustAnswer>()
                .conflicts(),
        ),
        Route::get("/v1/changes", READ, changes::list).described(
            Description::of("changes")
                .says("Every committed change, in order")
                .asks::<words::Sequence>("after")
                .asks::<words::ChangesLimit>("limit")
                .answers::<inventory_json::changes::Changes>(),
        ),
    ]
}

fn admin_routes() -> Vec<Route> {
    vec![
        Route::post("/v1/audit", ADMIN, admin::audit).described(
            Description::of("admin")
                .says("Check every invariant on live data")
                .may_take::<audit::AuditRequest>()
                .answers::<audit::AuditReport>(),
        ),
        Route::get("/admin/guest", READ, guest::get).described(
            Description::of("admin")
                .says("The guest that serves, and those before")
                .answers::<guest::GuestStatus>(),
        ),
        Route::put("/admin/guest", ADMIN, guest::put).described(
            Description::of("admin")
                .says("Install a guest: checked, compiled, tried, switched to, watched")
                .asks::<bool>("migrate")
                .takes_bytes("application/wasm")
                .answers::<guest::Installed>(),
        ),
        Route::post("/admin/guest/rollback", ADMIN, guest::roll_back).described(
            Description::of("admin")
                .says("Let a guest of the history serve again")
                .may_take::<guest::RollBack>()
                .answers::<guest::Installed>()
                .conflicts(),
        ),
        Route::get("/healthz", Access::Open, admin::healthz)
            .described(Description::of("admin").says("Alive").answers::<audit::Status>()),
        Route::get("/readyz", Access::Open, admin::readyz)
            .described(Description::of("admin").says("Ready to serve").answers::<audit::Status>()),
        Route::get("/metrics", READ, admin::metrics).described(
            Description::of("admin").says("Metrics").answers_text(metrics::CONTENT_TYPE),
        ),
        Route::get("/openapi.json", Access::Open, admin::openapi)
            .described(Description::of("admin").says("This document").answers_any()),
    ]
}

fn no_route(metrics: &metrics::Route, uri: &Uri) -> Response {
    let detail = format!("there is nothing at {}; /openapi.json lists what there is", uri.path());
    metrics.answered(NO_ROUTE.status.as_u16(), Duration::ZERO);
    respond(Problem::new(&NO_ROUTE, detail))
}

/// The header `Allow`, which axum adds, says which methods the path knows.
fn method_not_allowed(metrics: &metrics::Route) -> Response {
    metrics.answered(METHOD_NOT_ALLOWED.status.as_u16(), Duration::ZERO);
    respond(Problem::new(&METHOD_NOT_ALLOWED, "see the header Allow"))
}
