//! Holds the server to its answers: every sku's counters, every order, and its own audit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::StatusCode;
use serde::de::DeserializeOwned;

use inventory_replay::books::{Counters, Fate};
use inventory_replay::compare::{Found, compare_order, compare_sku};
use inventory_replay::difference::Difference;

use super::client::{Client, ClientError, Reply, refused};
use super::drive::{Drive, all, shown};
use super::progress::Progress;
use super::wire::{self, Audit, OrderLine, OrderView, Stock, StockAnswer};

/// The most skus of a query (api.md).
const QUERY_SKUS_MAX: usize = 1_000;

/// What was looked at besides the differences.
pub(super) struct Checked {
    pub(super) skus: usize,
    pub(super) orders: usize,
    /// The audit's own counts, by their names.
    pub(super) audit: Vec<(String, String)>,
}

/// Compares all there is; what differs is added to the drive's differences.
pub(super) async fn reconcile(
    drive: &Arc<Drive>,
    connections: usize,
) -> Result<Checked, ClientError> {
    let skus = check_stock(drive).await?;
    let orders = check_orders(drive, connections).await?;
    let audit = check_audit(drive).await?;
    Ok(Checked { skus, orders, audit })
}

async fn check_stock(drive: &Drive) -> Result<usize, ClientError> {
    let mut client = Client::new(drive.server.clone());
    let plan = &drive.plan;
    let expected = drive.state().books.counters(plan);
    let sold = plan.sold_skus();
    for skus in sold.chunks(QUERY_SKUS_MAX) {
        let path = "/v1/stock/query";
        let reply = client.post(path, wire::stock_query(plan, skus)).await?;
        let answer: StockAnswer = read(&reply, path)?;
        let differences = &mut drive.state().differences;
        let mut known = answer.stock.iter();
        for sku in skus {
            let name = plan.sku(*sku);
            let is_known = answer.unknown.iter().all(|unknown| unknown != name);
            let actual = if is_known { known.next() } else { None };
            let actual = actual.filter(|stock| stock.sku == name).map(counters);
            compare_sku(plan, *sku, expected[*sku as usize], actual, differences);
        }
    }
    Ok(sold.len())
}

fn counters(stock: &Stock) -> Counters {
    let Stock { sellable, reserved, committed, .. } = *stock;
    Counters { sellable, reserved, committed }
}

async fn check_orders(drive: &Arc<Drive>, connections: usize) -> Result<usize, ClientError> {
    let count = drive.plan.orders.len();
    let progress = Arc::new(Progress::new("orders checked", count));
    let position = Arc::new(AtomicUsize::new(0));
    let worker = |_| check_some_orders(drive.clone(), position.clone(), progress.clone());
    all((0..connections).map(worker), progress.clone(), &drive.server).await?;
    Ok(count)
}

async fn check_some_orders(
    drive: Arc<Drive>,
    position: Arc<AtomicUsize>,
    progress: Arc<Progress>,
) -> Result<(), ClientError> {
    let mut client = Client::new(drive.server.clone());
    loop {
        let index = position.fetch_add(1, Ordering::Relaxed);
        let Some(order) = drive.plan.orders.get(index) else {
            return Ok(());
        };
        let path = wire::order_path(order);
        let reply = client.get(&path).await?;
        let view = match reply.status {
            StatusCode::NOT_FOUND => None,
            _ => Some(read::<OrderView>(&reply, &path)?),
        };
        let found = view.as_ref().map(found);
        let state = &mut *drive.state();
        let index = u32::try_from(index).expect("the plan's indices are of 32 bits");
        let differences = &mut state.differences;
        compare_order(&drive.plan, &state.books, index, found.as_ref(), differences);
        progress.add(1);
    }
}

fn found(view: &OrderView) -> Found<'_> {
    let line = |line: &OrderLine| Fate {
        quantity: line.quantity,
        reserved: line.reserved,
        committed: line.committed,
        shipped: line.shipped,
        released: line.released,
    };
    let lines = view.lines.iter().map(|it| (it.sku.as_str(), line(it))).collect();
    Found { state: view.state, lines }
}

async fn check_audit(drive: &Drive) -> Result<Vec<(String, String)>, ClientError> {
    let path = "/v1/audit";
    let mut client = Client::new(drive.server.clone());
    let progress = Arc::new(Progress::new("audits", 1));
    let reply = shown(client.post(path, wire::audit()), progress, &drive.server).await?;
    let audit: Audit = read(&reply, path)?;
    let differences = &mut drive.state().differences;
    differences.compare(|| "audit".into(), "ok", &true, &audit.ok);
    for found in audit.differences {
        differences.add(Difference {
            subject: format!("audit of {}", found.subject),
            what: found.invariant,
            expected: found.expected,
            actual: found.actual,
        });
    }
    Ok(audit.checked.into_iter().map(|(name, count)| (name, count.to_string())).collect())
}

fn read<T: DeserializeOwned>(reply: &Reply, path: &str) -> Result<T, ClientError> {
    if reply.status != StatusCode::OK {
        return Err(refused(reply, path));
    }
    serde_json::from_slice(&reply.body)
        .map_err(|source| ClientError::Unreadable { path: path.to_owned(), source })
}
