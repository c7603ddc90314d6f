//! One reading of one warehouse: fetch a page, stage it, fetch the next; then commit.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::fetch::Source;
use super::page::{self, Head, Page};
use crate::guest::counts::{Seen, Snapshot};
use crate::guest::sessions::{
    Session, SessionBegin, SessionKind, SessionState, SessionStep, SnapshotCommit,
};
use crate::guest::types::{Answer, Command, Refusal};
use crate::metrics;
use crate::shard::{self, Shard};

/// How often a step that found the writer's queue full is tried again.
const TRIES_MAX: u32 = 40;
const TRY_PAUSE: Duration = Duration::from_millis(50);
/// How often a session is forgotten, some rows at a time.
const DISCARDS_MAX: u32 = 100;
/// Snapshots of one listing.
const LISTED_MAX: u32 = 100;

/// A warehouse that is read.
pub(super) struct Pull {
    pub(super) source: Arc<Source>,
    pub(super) shard: Shard,
    pub(super) metrics: metrics::WmsWarehouse,
    pub(super) warehouse: String,
    pub(super) node: String,
    pub(super) zero_percent_max: u32,
}

/// What a reading came to.
#[derive(Debug)]
pub(super) enum Pulled {
    /// The snapshot counts now.
    Applied(Box<Session>),
    /// There is no newer snapshot than the one that counts.
    Unchanged,
    /// It takes too much away: an operator approves or discards it.
    AwaitsApproval(Box<Session>),
}

/// Why a warehouse could not be read. All may pass with time, and are tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the connection failed: {0}")]
    Connect(#[from] std::io::Error),
    #[error("the request failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("the body broke off: {0}")]
    Body(String),
    #[error("no page within {0:?}")]
    Late(Duration),
    #[error("the status is {0}")]
    Status(u16),
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    #[error("the body cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the page breaks WMS.md: {0}")]
    Malformed(String),
    #[error("another snapshot was taken while this one was read")]
    Changed,
    #[error("the snapshot was refused: {0:?}")]
    Refused(Refusal),
    #[error(transparent)]
    Shard(#[from] shard::Error),
}

impl Pulled {
    /// As the metrics have it.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Applied(_) => "applied",
            Self::Unchanged => "unchanged",
            Self::AwaitsApproval(_) => "awaiting_approval",
        }
    }

    pub(super) fn log(&self, warehouse: &str) {
        match self {
            Self::Applied(it) => tracing::info!(
                warehouse,
                snapshot = it.session_id,
                created = it.created,
                updated = it.updated,
                emptied = it.deleted,
                short = it.snapshot.as_ref().map_or(0, |numbers| numbers.short),
                "a snapshot counts"
            ),
            Self::Unchanged => tracing::debug!(warehouse, "no newer snapshot"),
            Self::AwaitsApproval(it) => tracing::warn!(
                warehouse,
                snapshot = it.session_id,
                stocked = it.snapshot.as_ref().map_or(0, |numbers| numbers.stocked),
                zeroed = it.snapshot.as_ref().map_or(0, |numbers| numbers.zeroed),
                "a snapshot waits for approval"
            ),
        }
    }
}

impl Pull {
    /// Reads the warehouse's snapshot, and makes it count. Of the pulled ones, it is the only one
    /// that is kept: half of another cannot be gone on with, and one that waits is superseded once
    /// there is a whole one after it.
    pub(super) async fn once(&self) -> Result<Pulled, Failure> {
        let first = self.page(1).await?;
        let id = self.session_id(&first.head);
        self.discard_others(&id, SessionState::Open).await?;
        let pulled = self.read(&id, first).await?;
        match pulled {
            Pulled::Applied(_) | Pulled::AwaitsApproval(_) => {
                self.discard_others(&id, SessionState::AwaitingApproval).await?;
            }
            Pulled::Unchanged => {}
        }
        Ok(pulled)
    }

    async fn read(&self, id: &str, first: Page) -> Result<Pulled, Failure> {
        let head = first.head.clone();
        match self.step(self.begin(id, &head)).await? {
            Ok(it) if it.state == SessionState::AwaitingApproval => {
                return Ok(Pulled::AwaitsApproval(Box::new(it)));
            }
            // The very same snapshot counts already.
            Ok(it) if it.state == SessionState::Committed => {
                self.metrics.counts_since(head.as_of);
                return Ok(Pulled::Unchanged);
            }
            Ok(_) => {}
            Err(Refusal::SnapshotStale(newest)) => {
                self.metrics.counts_since(newest.newest_as_of);
                return Ok(Pulled::Unchanged);
            }
            Err(refusal) => return Err(Failure::Refused(refusal)),
        }
        let pages = self.stage(id, first).await?;
        self.commit(id, pages, &head).await
    }

    /// Stages every page that has items; answers how many.
    async fn stage(&self, id: &str, first: Page) -> Result<u32, Failure> {
        let (head, mut staged) = (first.head.clone(), 0);
        let mut page = first;
        for number in 1..=head.pages {
            if number > 1 {
                page = self.page(number).await?;
            }
            if page.head != head {
                self.discard(id).await?;
                return Err(Failure::Changed);
            }
            if page.items.is_empty() {
                continue;
            }
            staged += 1;
            let items = std::mem::take(&mut page.items);
            let command = inventory_json::snapshots::page(id.to_owned(), staged, items.into_iter());
            match self.step(command).await? {
                Ok(_) => self.metrics.pages.inc(),
                Err(refusal) => {
                    // Other rows under the same moment: what was staged before is of no use.
                    self.discard(id).await?;
                    return Err(Failure::Refused(refusal));
                }
            };
            tracing::debug!(snapshot = id, page = number, pages = head.pages, "a page was staged");
        }
        Ok(staged)
    }

    async fn commit(&self, id: &str, pages: u32, head: &Head) -> Result<Pulled, Failure> {
        let (session_id, zero_percent_max) = (id.to_owned(), self.zero_percent_max);
        let commit = SnapshotCommit { session_id, pages, zero_percent_max, dry_run: false };
        match self.step(Command::Session(SessionStep::CommitSnapshot(commit))).await? {
            Ok(it) if it.state == SessionState::AwaitingApproval => {
                Ok(Pulled::AwaitsApproval(Box::new(it)))
            }
            Ok(it) => {
                self.metrics.counts_since(head.as_of);
                Ok(Pulled::Applied(Box::new(it)))
            }
            Err(Refusal::SnapshotStale(newest)) => {
                self.metrics.counts_since(newest.newest_as_of);
                self.discard(id).await?;
                Ok(Pulled::Unchanged)
            }
            Err(refusal) => {
                self.discard(id).await?;
                Err(Failure::Refused(refusal))
            }
        }
    }

    async fn page(&self, number: u32) -> Result<Page, Failure> {
        let body = self.source.fetch(&self.warehouse, number).await?;
        page::parse(&body, &self.node)
    }

    /// The same snapshot has the same name, so that one that was half read is gone on with.
    fn session_id(&self, head: &Head) -> String {
        let watermark = head.watermark.map_or("-".to_owned(), |seq| seq.to_string());
        format!("{}{}:{watermark}", self.session_ids(), head.as_of)
    }

    /// How the names of this warehouse's snapshots begin, where they were pulled.
    fn session_ids(&self) -> String {
        format!("wms:{}:", self.warehouse)
    }

    fn begin(&self, id: &str, head: &Head) -> Command {
        let seen = Seen { as_of: head.as_of, watermark: head.watermark };
        let snapshot = Snapshot { warehouse: self.warehouse.clone(), seen };
        Command::Session(SessionStep::Begin(SessionBegin {
            session_id: id.to_owned(),
            kind: SessionKind::Snapshot(snapshot),
            author: None,
            reason: "pulled snapshot".to_owned(),
        }))
    }

    /// Forgets this warehouse's pulled snapshots in a state, but for the one of this name.
    async fn discard_others(&self, id: &str, state: SessionState) -> Result<(), Failure> {
        let prefix = self.session_ids();
        let mut after = prefix.clone();
        loop {
            let listed = self.shard.snapshots(Some(state), after.clone(), LISTED_MAX).await?;
            for it in &listed {
                if !it.session_id.starts_with(&prefix) {
                    return Ok(());
                }
                // A colon may be in the code of another warehouse, whose names begin alike.
                let is_ours =
                    matches!(&it.kind, SessionKind::Snapshot(of) if of.warehouse == self.warehouse);
                if is_ours && it.session_id != id {
                    self.discard(&it.session_id).await?;
                    tracing::info!(snapshot = it.session_id, "a snapshot is superseded");
                }
            }
            match listed.last() {
                Some(last) if listed.len() == LISTED_MAX as usize => {
                    after.clone_from(&last.session_id);
                }
                _ => return Ok(()),
            }
        }
    }

    async fn discard(&self, id: &str) -> Result<(), Failure> {
        for _ in 0..DISCARDS_MAX {
            let command = Command::Session(SessionStep::Discard(id.to_owned()));
            match self.step(command).await? {
                Ok(it) if it.staged > 0 => {}
                _ => break,
            }
        }
        Ok(())
    }

    /// A step waits for its place: it must not fail because others are many.
    async fn step(&self, command: Command) -> Result<Result<Session, Refusal>, Failure> {
        let mut tries = 0;
        let outcome = loop {
            match self.shard.apply(command.clone()).await {
                Err(shard::Error::QueueFull) if tries < TRIES_MAX => {
                    tries += 1;
                    sleep(TRY_PAUSE).await;
                }
                done => break done?,
            }
        };
        match outcome.result {
            Ok(Answer::Session(session)) => Ok(Ok(session)),
            Ok(_) => Err(Failure::Malformed("the guest answered no session".to_owned())),
            Err(refusal) => Ok(Err(refusal)),
        }
    }
}
