//! Stock as callers ask for it and read it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::contract::stock;
use crate::words::{Sku, list};

/// The skus to read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockQuery {
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    /// Which; answered in this order.
    pub skus: Vec<Sku>,
}

/// A sku's counters.
#[derive(Serialize, ToSchema)]
pub struct Stock<'a> {
    sku: &'a str,
    /// What may still be promised.
    sellable: u32,
    /// Sums over warehouses and warehouse-less legs.
    reserved: u64,
    committed: u64,
    /// Sum over warehouses.
    on_hand: u64,
    warehouses: Vec<WarehouseStock<'a>>,
}

/// A sku's counters in one warehouse.
#[derive(Serialize, ToSchema)]
pub struct WarehouseStock<'a> {
    warehouse: &'a str,
    on_hand: u32,
    reserved: u32,
    committed: u32,
    unavailable: u32,
}

/// The answer to a query; `stock` is in the order asked for.
#[derive(Serialize, ToSchema)]
pub struct StockAnswer<'a> {
    /// Of the skus that are known.
    pub stock: Vec<Stock<'a>>,
    /// The others.
    pub unknown: Vec<&'a str>,
}

impl<'a> From<&'a stock::SkuStock> for Stock<'a> {
    fn from(stock: &'a stock::SkuStock) -> Self {
        Self {
            sku: &stock.sku,
            sellable: stock.sellable,
            reserved: stock.reserved,
            committed: stock.committed,
            on_hand: stock.on_hand,
            warehouses: stock.warehouses.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a stock::WarehouseStock> for WarehouseStock<'a> {
    fn from(stock: &'a stock::WarehouseStock) -> Self {
        Self {
            warehouse: &stock.warehouse,
            on_hand: stock.on_hand,
            reserved: stock.reserved,
            committed: stock.committed,
            unavailable: stock.unavailable,
        }
    }
}
