//! The guest that serves now, and the gate at which a switch waits until no query runs.

use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::guest::{GuestModule, lifecycle::Description};

/// Shared by the writer, which switches, and the readers. A lock that is fair to the writer:
/// queries that come while a switch waits wait for it in turn.
pub(super) struct Serving(RwLock<Current>);

/// A guest in service.
pub(super) struct Current {
    pub(super) module: Arc<GuestModule>,
    pub(super) description: Description,
    /// Grows with every switch: an instance of another generation is not asked.
    pub(super) generation: u64,
}

impl Serving {
    pub(super) fn new(module: Arc<GuestModule>, description: Description) -> Self {
        Self(RwLock::new(Current { module, description, generation: 0 }))
    }

    /// While this is held, the guest and the tables it knows stay.
    pub(super) fn enter(&self) -> RwLockReadGuard<'_, Current> {
        self.0.read()
    }

    /// Waits until no query runs, and lets none begin.
    pub(super) fn close(&self) -> RwLockWriteGuard<'_, Current> {
        self.0.write()
    }
}

impl Current {
    pub(super) fn replace(&mut self, module: Arc<GuestModule>, description: Description) {
        let generation = self.generation + 1;
        *self = Self { module, description, generation };
    }
}
