//! What a request asks for: the host's paths, roles and bodies.

use inventory_json::adjust::Adjust;
use inventory_json::audit::AuditRequest;
use inventory_json::auth::{Access, Role, admit, require};
use inventory_json::batch::{Batch, Command};
use inventory_json::catalog::path::Place;
use inventory_json::changes::Page;
use inventory_json::contract::sessions::SessionStep;
use inventory_json::contract::{routing, types};
use inventory_json::counts::{Count, ShortagesQuery};
use inventory_json::orders::{Confirm, Defaults, Extend, Placement, Release, Ship, Transfer};
use inventory_json::parse::{body, body_or_default};
use inventory_json::plan::{self, Inquiry};
use inventory_json::problem::{FORBIDDEN, METHOD_NOT_ALLOWED, NO_ROUTE, Problem};
use inventory_json::snapshots::{
    Nothing, SnapshotBegin, SnapshotCommit, SnapshotPage, SnapshotsQuery,
};
use inventory_json::stock::StockQuery;
use inventory_json::words::{OrderId, PageNumber, RequestId, Sku, Text, TextRule, WarehouseCode};
use percent_encoding::percent_decode_str;

use super::catalog::{self, Reading};
use super::options::Options;
use super::request::Request;
use crate::settings::Settings;
use crate::snapshot::ZERO_PERCENT_DEFAULT;

/// What is to be done for a request.
pub(crate) enum Task {
    /// A command, answered alone.
    Command(types::Command),
    /// Commands, answered as a batch.
    Batch(Vec<types::Command>),
    Order(OrderId),
    Stock(Sku),
    /// What can be promised of it somewhere.
    Availability(Sku, types::ShipTo),
    Plan(routing::Inquiry),
    /// A warehouse's next openings, at most so many.
    Preview(WarehouseCode, u32),
    Shortages(ShortagesQuery),
    Snapshot(RequestId),
    Snapshots(SnapshotsQuery),
    StockQuery(StockQuery),
    Changes(Page),
    Audit,
    Status(&'static str),
    Catalog(Reading),
}

impl Task {
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Command(_) | Self::Batch(_))
    }
}

/// The task, or why there is none.
pub(crate) fn task(
    request: &Request<'_>,
    options: &Options,
    settings: &Settings,
) -> Result<Task, Problem> {
    if let Some(place) = Place::of(request.path) {
        return catalog::task(request, options, place);
    }
    let steps: Vec<&str> = request.path.split('/').skip(1).collect();
    let Some(methods) = methods(&steps) else {
        let detail = format!("there is nothing at {}", request.path);
        return Err(Problem::new(&NO_ROUTE, detail));
    };
    let Some((_, access)) = methods.iter().find(|(method, _)| *method == request.method) else {
        let allowed: Vec<&str> = methods.iter().map(|(method, _)| *method).collect();
        let problem = Problem::new(&METHOD_NOT_ALLOWED, "see the header Allow");
        return Err(problem.with("allow", allowed.join(",")));
    };
    let role = admit(&options.tokens, *access, request.authorization)?;
    if request.method == "GET" {
        return reading(request, &steps);
    }
    let (defaults, node) = (settings.defaults, settings.node.as_str());
    let content = (request.content_type, request.body);
    Ok(match steps.as_slice() {
        ["v1", "orders", order_id, operation] => {
            let order_id = parameter("order_id", order_id)?;
            Task::Command(order_command(operation, order_id, content, defaults)?)
        }
        ["v1", "batch"] => {
            let batch: Batch = body(content.0, content.1)?;
            if batch.commands.iter().any(Command::is_for_operators) {
                require(role, Role::Admin)?;
            }
            Task::Batch(batch.into_commands(defaults, node)?)
        }
        ["v1", "plan"] => Task::Plan(body::<Inquiry>(content.0, content.1)?.into()),
        ["v1", "stock", "query"] => Task::StockQuery(body(content.0, content.1)?),
        ["v1", "stock", "count"] => {
            Task::Command(body::<Count>(content.0, content.1)?.into_command(node)?)
        }
        ["v1", "stock", _] => Task::Command(body::<Adjust>(content.0, content.1)?.into_command()),
        ["v1", "snapshots"] => {
            Task::Command(body::<SnapshotBegin>(content.0, content.1)?.into_command(node)?)
        }
        ["v1", "snapshots", name, step @ ..] => {
            Task::Command(snapshot_command(parameter("snapshot", name)?, step, content, role)?)
        }
        _ => {
            let AuditRequest {} = body_or_default(content.0, content.1)?;
            Task::Audit
        }
    })
}

/// The methods of a path, and who may use each; `None`: there is nothing.
fn methods(steps: &[&str]) -> Option<&'static [(&'static str, Access)]> {
    const READ: Access = Access::Needs(Role::Read);
    const TRADE: Access = Access::Needs(Role::Trade);
    const ADMIN: Access = Access::Needs(Role::Admin);
    Some(match steps {
        ["healthz" | "readyz"] => &[("GET", Access::Open)],
        ["v1", "orders", _, operation] if is_operation(operation) => &[("POST", TRADE)],
        ["v1", "batch"] | ["v1", "snapshots", _, "commit" | "discard"] => &[("POST", TRADE)],
        ["v1", "plan"] => &[("POST", READ)],
        ["v1", "audit"] | ["v1", "snapshots", _, "approve"] => &[("POST", ADMIN)],
        // Skus may have these names, too.
        ["v1", "stock", "query"] => &[("GET", READ), ("POST", READ)],
        ["v1", "stock", "count"] | ["v1", "snapshots"] => &[("GET", READ), ("POST", TRADE)],
        ["v1", "stock", "adjust"] => &[("GET", READ), ("POST", ADMIN)],
        ["v1", "snapshots", _, "pages", _] => &[("PUT", TRADE)],
        ["v1", "orders" | "stock" | "snapshots", _]
        | ["v1", "changes" | "shortages"]
        | ["v1", "calendars", _, "preview"] => &[("GET", READ)],
        _ => return None,
    })
}

/// What a `GET` reads.
fn reading(request: &Request<'_>, steps: &[&str]) -> Result<Task, Problem> {
    Ok(match steps {
        ["healthz"] => Task::Status("ok"),
        ["readyz"] => Task::Status("ready"),
        ["v1", "orders", order_id] => Task::Order(parameter("order_id", order_id)?),
        ["v1", "stock", sku] => {
            let sku = parameter("sku", sku)?;
            match plan::ship_to(request.query)? {
                Some(ship_to) => Task::Availability(sku, ship_to),
                None => Task::Stock(sku),
            }
        }
        ["v1", "calendars", warehouse, _] => {
            Task::Preview(parameter("warehouse", warehouse)?, plan::openings(request.query)?)
        }
        ["v1", "snapshots", name] => Task::Snapshot(parameter("snapshot", name)?),
        ["v1", "snapshots"] => Task::Snapshots(SnapshotsQuery::parse(request.query)?),
        ["v1", "shortages"] => Task::Shortages(ShortagesQuery::parse(request.query)?),
        _ => Task::Changes(Page::parse(request.query)?),
    })
}

fn is_operation(word: &str) -> bool {
    matches!(word, "reserve" | "deduct" | "confirm" | "extend" | "ship" | "release" | "transfer")
}

fn order_command(
    operation: &str,
    order_id: OrderId,
    (content_type, bytes): (Option<&[u8]>, &[u8]),
    defaults: Defaults,
) -> Result<types::Command, Problem> {
    Ok(match operation {
        "reserve" => body::<Placement>(content_type, bytes)?.into_reserve(order_id, defaults),
        "deduct" => body::<Placement>(content_type, bytes)?.into_deduct(order_id),
        "confirm" => body_or_default::<Confirm>(content_type, bytes)?.into_command(order_id),
        "extend" => body::<Extend>(content_type, bytes)?.into_command(order_id),
        "ship" => body_or_default::<Ship>(content_type, bytes)?.into_command(order_id),
        "transfer" => body::<Transfer>(content_type, bytes)?.into_command(order_id),
        _ => body::<Release>(content_type, bytes)?.into_command(order_id),
    })
}

/// What a step of a snapshot asks for. Whoever may not approve may not get around it by asking for
/// a greater share.
fn snapshot_command(
    name: RequestId,
    step: &[&str],
    (content_type, bytes): (Option<&[u8]>, &[u8]),
    role: Role,
) -> Result<types::Command, Problem> {
    Ok(match step {
        ["pages", number] => {
            let number = number.parse().ok().and_then(|number| PageNumber::new(number).ok());
            let bounds = || Problem::malformed_parameter("page", "a page is 1 to 10000");
            let number = number.ok_or_else(bounds)?;
            body::<SnapshotPage>(content_type, bytes)?.into_command(name, &number)
        }
        ["commit"] => {
            let commit: SnapshotCommit = body(content_type, bytes)?;
            if commit.zero_percent_max().is_some_and(|it| it > ZERO_PERCENT_DEFAULT)
                && role != Role::Admin
            {
                let share = ZERO_PERCENT_DEFAULT;
                let detail = format!("zero_percent_max above {share} needs the role admin");
                return Err(Problem::new(&FORBIDDEN, detail));
            }
            commit.into_command(name, ZERO_PERCENT_DEFAULT)
        }
        step => {
            let Nothing {} = body_or_default(content_type, bytes)?;
            let step =
                if *step == ["approve"] { SessionStep::Approve } else { SessionStep::Discard };
            types::Command::Session(step(name.into_string()))
        }
    })
}

/// A step of the path, percent-decoded, in its bounds.
fn parameter<R: TextRule>(name: &str, step: &str) -> Result<Text<R>, Problem> {
    let text = percent_decode_str(step).decode_utf8().unwrap_or_default();
    Text::parse(&text).map_err(|bounds| Problem::malformed_parameter(name, bounds.to_string()))
}
