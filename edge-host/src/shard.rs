//! STUB, never merged: the lead's shard, as far as http sees it. A map in memory.
#![allow(missing_docs)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;

use crate::guest::{changes, orders, stock, types};

#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    QueueFull,
    Stopping,
    Timeout,
    Trapped(String),
    Fault(types::Fault),
    Storage(String),
}

impl Error {
    pub fn retryable(&self) -> Option<u32> {
        match self {
            Error::QueueFull | Error::Timeout => Some(1),
            Error::Stopping => Some(5),
            _ => None,
        }
    }
}

pub enum Readiness {
    Ready,
    NotReady(&'static str),
}

pub struct CachedStock {
    pub stock: stock::SkuStock,
    pub body: OnceLock<Bytes>,
}

type Answer = Box<dyn Fn(types::Command) -> Result<types::Outcome, Error> + Send + Sync>;

#[derive(Clone)]
pub struct Shard {
    pub skus: Arc<Mutex<HashMap<String, Arc<CachedStock>>>>,
    pub answer: Arc<Answer>,
}

impl Shard {
    pub fn stub(answer: Answer) -> Self {
        Self {
            skus: Arc::default(),
            answer: Arc::new(answer),
        }
    }
    pub async fn apply(&self, command: types::Command) -> Result<types::Outcome, Error> {
        (self.answer)(command)
    }
    pub async fn apply_all(
        &self,
        commands: Vec<types::Command>,
    ) -> Vec<Result<types::Outcome, Error>> {
        commands
            .into_iter()
            .map(|command| (self.answer)(command))
            .collect()
    }
    pub async fn order(&self, _order_id: String) -> Result<Option<orders::Order>, Error> {
        Ok(None)
    }
    pub fn cached_stock(&self, sku: &str) -> Option<Arc<CachedStock>> {
        self.skus.lock().unwrap().get(sku).cloned()
    }
    pub async fn stock(&self, skus: Vec<String>) -> Result<Vec<Option<Arc<CachedStock>>>, Error> {
        Ok(skus.iter().map(|sku| self.cached_stock(sku)).collect())
    }
    pub async fn changes(&self, _after: u64, _limit: u32) -> Result<Vec<changes::Change>, Error> {
        Ok(Vec::new())
    }
    pub async fn audit(&self) -> Result<stock::AuditReport, Error> {
        Err(Error::Fault(types::Fault::Busy))
    }
    pub fn readiness(&self) -> Readiness {
        Readiness::Ready
    }
}
