//! Orders: placing them, moving them on, and reading them back.

use axum::response::Response;
use inventory_json::answers::Order;
use inventory_json::orders::{Confirm, Extend, Placement, Release, Ship, Transfer};
use inventory_json::words::OrderIdRule;

use super::json;
use super::outcome::apply;
use super::problem::Problem;
use super::refusal::{UNKNOWN_ORDER, failed};
use super::route::Call;

pub(super) async fn reserve(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Placement = json::read(&mut call).await?;
    let command = body.into_reserve(order_id, call.wire.config.defaults);
    apply(&call.wire, command).await
}

pub(super) async fn deduct(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Placement = json::read(&mut call).await?;
    apply(&call.wire, body.into_deduct(order_id)).await
}

pub(super) async fn confirm(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Confirm = json::read_or_default(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn extend(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Extend = json::read(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn ship(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Ship = json::read_or_default(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn release(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Release = json::read(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn transfer(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Transfer = json::read(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn get(call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter::<OrderIdRule>("order_id")?.into_string();
    let order = call.wire.shard.order(order_id).await.map_err(|error| failed(&error))?;
    let order = order.ok_or_else(|| Problem::new(&UNKNOWN_ORDER, "no such order was placed"))?;
    Ok(json::answer(&Order::from(&order)))
}
