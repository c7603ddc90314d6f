//! Reading stock: the hottest path of the host. A sku's JSON is rendered once for as long as the
//! cache holds it; after that a read is a look-up and a copy of its bytes.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::Response;
use inventory_json::stock::{Stock, StockQuery};
use inventory_json::words::{Sku, SkuRule};

use super::problem::Problem;
use super::refusal::{UNKNOWN_SKU, failed};
use super::route::Call;
use super::{json, plan};
use crate::shard::CachedStock;

pub(super) async fn get(call: Call) -> Result<Response, Problem> {
    let sku = call.parameter::<SkuRule>("sku")?;
    if call.uri.query().is_some_and(|query| !query.is_empty()) {
        return plan::availability(call, sku).await;
    }
    let found = call.wire.shard.stock(&[sku.as_str()]).await.map_err(|error| failed(&error))?;
    match found.into_iter().next().flatten() {
        Some(found) => Ok(json::rendered(body(&found))),
        None => Err(unknown(sku.into_string())),
    }
}

pub(super) fn unknown(sku: String) -> Problem {
    Problem::new(&UNKNOWN_SKU, format!("there is no sku {sku}")).with("skus", vec![sku])
}

pub(super) async fn query(mut call: Call) -> Result<Response, Problem> {
    let StockQuery { skus } = json::read(&mut call).await?;
    let names: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let found = call.wire.shard.stock(&names).await.map_err(|error| failed(&error))?;
    Ok(json::rendered(render_query(&skus, &found)))
}

/// `{"stock":[…],"unknown":[…]}`, from pieces rendered before.
fn render_query(skus: &[Sku], found: &[Option<Arc<CachedStock>>]) -> Vec<u8> {
    let bytes: usize = found.iter().flatten().map(|stock| body(stock).len() + 1).sum();
    let mut answer = Vec::with_capacity(bytes + 64);
    answer.extend_from_slice(b"{\"stock\":[");
    for (index, stock) in found.iter().flatten().enumerate() {
        if index > 0 {
            answer.push(b',');
        }
        answer.extend_from_slice(&body(stock));
    }
    answer.extend_from_slice(b"],\"unknown\":");
    let unknown: Vec<&str> =
        skus.iter().zip(found).filter(|(_, f)| f.is_none()).map(|(sku, _)| sku.as_str()).collect();
    answer.extend_from_slice(&json::render(&unknown));
    answer.push(b'}');
    answer
}

/// The sku's JSON, rendered by whoever asks first.
pub(super) fn body(cached: &CachedStock) -> Bytes {
    cached.body.get_or_init(|| json::render(&Stock::from(&cached.stock)).into()).clone()
}
