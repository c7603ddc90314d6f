//! One guest's way in, step by step; and the way back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::MutexGuard;

use super::{
    Config, Error, Inner, Step, UnderWay, Upload,
    folder::{forget, write_whole},
    refused, signature, trial,
};
use crate::{
    guest::{self, GuestModule, lifecycle::Description},
    host_functions::WASI_ALLOWED,
    runtime::{self, Binary},
    shard,
};

/// A guest on its way.
pub(super) struct Journey<'a> {
    inner: &'a Inner,
    /// Tells it from another, which may be under way too.
    number: u64,
    pub(super) digest: String,
    /// Each step so far, with the time it took.
    pub(super) steps: Vec<(Step, Duration)>,
    /// Which watch it has come under, once it serves.
    pub(super) watch: Option<u64>,
}

/// Held from the look at what serves to the end of the switch.
pub(super) type Switching<'a> = MutexGuard<'a, ()>;

/// A guest that may be switched to, and what it calls itself.
struct Brought {
    module: Arc<GuestModule>,
    description: Description,
}

impl<'a> Journey<'a> {
    pub(super) fn new(inner: &'a Inner) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self { inner, number, digest: String::new(), steps: Vec::new(), watch: None }
    }

    pub(super) fn install(&mut self, upload: &Upload) -> Result<(), Error> {
        let plain = self.step(Step::Verify, |inner| verify(&inner.config, upload))?;
        self.digest = runtime::digest_hex(&plain);
        if self.inner.state.lock().history.is_serving(&self.digest) {
            self.steps.clear();
            return Ok(());
        }
        self.inner.state.lock().history.may_come(&self.digest)?;
        let installed = match self.loaded() {
            Some(loaded) => Ok(loaded),
            None => self.bring(&plain, upload.may_migrate),
        }
        .and_then(|brought| {
            let switching = self.inner.switching.lock();
            self.switch(&switching, brought, &upload.source, Unwritten::Fails)
        });
        if installed.is_err() && !self.inner.state.lock().history.knows(&self.digest) {
            forget(&self.inner.config.folder, &self.digest);
        }
        installed
    }

    /// What comes before the switch, beside the guest that serves.
    fn bring(&mut self, plain: &[u8], may_migrate: bool) -> Result<Brought, Error> {
        self.step(Step::Check, |_| {
            guest::check(plain, WASI_ALLOWED).map_err(|error| refused(Step::Check, &error))
        })?;
        let digest = self.digest.clone();
        let binary = self.step(Step::Compile, |inner| {
            let Config { folder, mode, .. } = &inner.config;
            let file = folder.join(format!("{digest}.wasm"));
            write_whole(&file, plain).map_err(|source| failed(Step::Compile, &source))?;
            Binary::open_as(*mode, &file, folder).map_err(|error| match error {
                runtime::Error::Stopping => Error::Stopping,
                runtime::Error::NoCompiler => Error::NoCompiler,
                runtime::Error::File { .. } => failed(Step::Compile, &error),
                error => refused(Step::Compile, &error),
            })
        })?;
        self.step(Step::Try, |inner| {
            let module = GuestModule::load(&binary, WASI_ALLOWED)
                .map_err(|error| refused(Step::Try, &error))?;
            let description = trial::run(&inner.shard, &inner.config, &digest, may_migrate)?;
            Ok(Brought { module: Arc::new(module), description })
        })
    }

    /// The caller holds `switching`.
    pub(super) fn roll_back(
        &mut self,
        switching: &Switching<'_>,
        digest: Option<&str>,
        reason: &str,
    ) -> Result<(), Error> {
        let (target, description) = self.inner.state.lock().history.target(digest)?;
        self.digest.clone_from(&target);
        let brought = match self.loaded() {
            Some(loaded) => loaded,
            None => self.step(Step::Check, |inner| {
                Binary::open_kept(&target, inner.config.mode, &inner.config.folder)
                    .and_then(|binary| GuestModule::load(&binary, WASI_ALLOWED))
                    .map(|module| Brought { module: Arc::new(module), description })
                    .map_err(|error| refused(Step::Check, &error))
            })?,
        };
        self.switch(switching, brought, &format!("rolled back: {reason}"), Unwritten::IsTold)
    }

    fn switch(
        &mut self,
        _: &Switching<'_>,
        brought: Brought,
        source: &str,
        unwritten: Unwritten,
    ) -> Result<(), Error> {
        let Brought { module, description } = brought;
        let digest = self.digest.clone();
        let watch = self.step(Step::Switch, |inner| {
            let kept = inner.state.lock().history.keep(&inner.config.configured);
            unwritten.settle(kept)?;
            // On disk first: after a crash from here on, the new guest is tried before the old one.
            let (before, written) = inner.state.lock().history.expect(&digest, &description);
            let switched = unwritten.settle(written).and_then(|()| {
                inner.shard.switch(Arc::clone(&module)).map_err(|error| match error {
                    shard::OpenError::Guest(_) => refused(Step::Switch, &error),
                    error => failed(Step::Switch, &error),
                })
            });
            let mut state = inner.state.lock();
            let description = match switched {
                Ok(description) => description,
                Err(error) => {
                    Unwritten::IsTold.settle(state.history.expect_no_more(before))?;
                    return Err(error);
                }
            };
            inner.metrics.guest_is(&digest, &description.version, module.mode().as_str());
            let most = inner.config.history_max;
            // It serves, whether or not that can be written down.
            match state.history.serves(&digest, &description, source, most) {
                Ok(kept) => state.modules.retain(|(digest, _)| kept.contains(digest)),
                Err(error) => Unwritten::IsTold.settle(Err(error))?,
            }
            if !state.modules.iter().any(|(loaded, _)| *loaded == digest) {
                state.modules.push((digest.clone(), module));
            }
            state.watch += 1;
            Ok(state.watch)
        })?;
        self.watch = Some(watch);
        Ok(())
    }

    fn loaded(&self) -> Option<Brought> {
        let state = self.inner.state.lock();
        let found = state.modules.iter().find(|(digest, _)| *digest == self.digest);
        let module = found.map(|(_, module)| Arc::clone(module))?;
        let description = state.history.description(&self.digest)?;
        Some(Brought { module, description })
    }

    /// One step, visible while it lasts and timed afterwards.
    fn step<T>(
        &mut self,
        step: Step,
        run: impl FnOnce(&Inner) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let since = Instant::now();
        let (number, digest) = (self.number, self.digest.clone());
        self.inner.state.lock().under_way.push(UnderWay { number, digest, step, since });
        tracing::info!(guest = self.digest, step = step.as_str(), "a guest on its way in");
        let answer = run(self.inner);
        self.inner.state.lock().under_way.retain(|it| it.number != number);
        self.steps.push((step, since.elapsed()));
        answer
    }
}

/// What becomes of a switch that cannot be written down beforehand.
#[derive(Clone, Copy)]
enum Unwritten {
    /// Nothing is lost: the guest before serves, also after a restart.
    Fails,
    /// Going back is what helps; a restart may begin with the guest that was left.
    IsTold,
}

impl Unwritten {
    fn settle(self, written: std::io::Result<()>) -> Result<(), Error> {
        match (self, written) {
            (Self::Fails, Err(error)) => {
                Err(failed(Step::Switch, &format!("the history cannot be written: {error}")))
            }
            (Self::IsTold, Err(error)) => {
                tracing::error!(
                    %error,
                    "the history of guests was not written: a restart may serve another guest"
                );
                Ok(())
            }
            (_, Ok(())) => Ok(()),
        }
    }
}

/// The plain module of an upload that may be looked at.
fn verify(config: &Config, upload: &Upload) -> Result<Vec<u8>, Error> {
    let refuse = |reason: String| Error::Refused { step: Step::Verify, reason };
    let (bytes, bytes_max) = (upload.bytes.len(), config.guest_bytes_max);
    if bytes > bytes_max {
        return Err(refuse(format!("{bytes} bytes; a guest has at most {bytes_max}")));
    }
    signature::verify(config, upload).map_err(refuse)?;
    runtime::strip(&upload.bytes).map_err(|error| refused(Step::Verify, &error))
}

fn failed(step: Step, error: &dyn std::fmt::Display) -> Error {
    Error::Failed { step, reason: error.to_string() }
}
