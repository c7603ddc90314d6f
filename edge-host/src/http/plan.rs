//! What would become of an order, what can be promised somewhere, and when warehouses ship.

use axum::response::Response;
use inventory_json::plan::{self, Availability, Inquiry, OpeningsLimit, Plan, Preview};
use inventory_json::words::{Sku, WarehouseCodeRule};

use super::openapi::Description;
use super::problem::Problem;
use super::refusal::{UNKNOWN_WAREHOUSE, failed};
use super::route::{Call, Route};
use super::stock::{body, unknown};
use super::{READ, json};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/plan", READ, post).described(
            Description::of("orders")
                .says("What a reserve of now would find, and why; nothing is held")
                .takes::<Inquiry>()
                .answers::<Plan>(),
        ),
        Route::get("/v1/calendars/{warehouse}/preview", READ, preview).described(
            Description::of("catalog")
                .says("When a warehouse ships from now on")
                .asks::<OpeningsLimit>("count")
                .answers::<Preview>(),
        ),
    ]
}

async fn post(mut call: Call) -> Result<Response, Problem> {
    let inquiry: Inquiry = json::read(&mut call).await?;
    let planned = call.wire.shard.plan(inquiry.into()).await.map_err(|error| failed(&error))?;
    Ok(json::answer(&Plan::from(&planned)))
}

async fn preview(call: Call) -> Result<Response, Problem> {
    let warehouse = call.parameter::<WarehouseCodeRule>("warehouse")?.into_string();
    let count = plan::openings(call.uri.query().unwrap_or_default())?;
    let found = call.wire.shard.preview(warehouse.clone(), count).await;
    let found = found.map_err(|error| failed(&error))?;
    let Some(found) = found else {
        let detail = format!("there is no warehouse {warehouse}");
        return Err(Problem::new(&UNKNOWN_WAREHOUSE, detail).with("warehouses", vec![warehouse]));
    };
    Ok(json::answer(&Preview::new(&warehouse, &found)))
}

/// A sku's counters, and what of it can be promised at the `ship_to` of the query.
pub(super) async fn availability(call: Call, sku: Sku) -> Result<Response, Problem> {
    let ship_to = plan::ship_to(call.uri.query().unwrap_or_default())?;
    let (sku, shard) = (sku.into_string(), &call.wire.shard);
    let Some(ship_to) = ship_to else {
        let found = shard.stock(&[&sku]).await.map_err(|error| failed(&error))?;
        let found = found.into_iter().next().flatten().ok_or_else(|| unknown(sku))?;
        return Ok(json::rendered(body(&found)));
    };
    let inquiry = plan::everything(sku.clone(), ship_to);
    let found = shard.availability(sku.clone(), inquiry).await.map_err(|error| failed(&error))?;
    let (stock, planned) = found.ok_or_else(|| unknown(sku))?;
    Ok(json::answer(&Availability::new(&stock, &planned)))
}
