//! Makes a network's warehouses, and puts the initial stock into them.

use bytes::Bytes;
use serde_json::{Value, json};

use inventory_replay::network::{Network, Place, Warehouse};
use inventory_replay::plan::Plan;

/// Where the catalog is changed (api.md).
pub(super) const CATALOG: &str = "/v1/catalog/changes";
/// The most items of a change or an adjustment (api.md).
pub(super) const ITEMS_MAX: usize = 1_000;

/// The changes that make the network: each the body of a request, the same again when repeated.
pub(super) fn catalog(plan: &Plan, network: &Network) -> Vec<Bytes> {
    let division = |it: &Place| {
        put(
            "division",
            json!({"adcode": it.adcode, "name": it.adcode, "lat": it.lat, "lon": it.lon}),
        )
    };
    let denial = |(sku, province): &(u32, Box<str>)| {
        let subject = format!("sku:{}", plan.sku(*sku));
        let rules = json!([{"verdict": "deny", "name": "not there"}]);
        put("restriction", json!({"subject": subject, "area": province, "rules": rules}))
    };
    let mut items: Vec<Value> = network.divisions.iter().map(division).collect();
    items.extend(network.warehouses.iter().flat_map(warehouse));
    items.extend(network.denied.iter().map(denial));
    let body = |(number, items): (usize, &[Value])| {
        let request_id = format!("replay-network-{number}");
        json!({"reason": "network of a replay", "request_id": request_id, "items": items})
    };
    items.chunks(ITEMS_MAX).enumerate().map(body).map(|it| it.to_string().into()).collect()
}

/// It serves its city first, then its province, then everywhere; and ships on every day.
fn warehouse(it: &Warehouse) -> [Value; 5] {
    let (code, place) = (&it.code, &it.place);
    let area = |area: &str, priority: u32| {
        put("service_area", json!({"warehouse": code, "area": area, "priority": priority}))
    };
    let day = json!([{"from": "09:00", "until": "18:00"}]);
    let weekly = json!({
        "monday": day, "tuesday": day, "wednesday": day, "thursday": day, "friday": day,
        "saturday": day, "sunday": day,
    });
    let calendar = json!({
        "warehouse": code, "weekly": weekly, "cut_off": "16:00", "handling_minutes": 120,
    });
    let warehouse =
        json!({"warehouse": code, "adcode": place.adcode, "lat": place.lat, "lon": place.lon});
    [
        put("warehouse", warehouse),
        area(&place.adcode[..4], 10),
        area(&place.adcode[..2], 20),
        area("everywhere", 30),
        put("calendar", calendar),
    ]
}

fn put(noun: &str, entry: impl Into<Value>) -> Value {
    let entry = entry.into();
    json!({"put": {noun: entry}})
}

/// What lies in warehouses of these skus before the first order: items of an adjustment.
pub(super) fn stock(plan: &Plan, network: &Network, skus: &[u32]) -> Vec<Value> {
    let lying = |sku: &u32| {
        let name = plan.sku(*sku);
        let shares = network.shares(name, plan.initial[*sku as usize]).into_iter();
        shares.map(move |share| {
            let code = &network.warehouses[share.warehouse].code;
            json!({"sku": name, "warehouse": code, "on_hand": {"set": share.units}})
        })
    };
    skus.iter().flat_map(lying).collect()
}
