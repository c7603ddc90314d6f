//! Makes calls into AOT code cheaper, and stoppable, by keeping one call active for ever.
//!
//! WasmEdge installs three signal handlers when the process's count of active AOT calls leaves
//! zero, and puts the old ones back when it returns to zero: six system calls around every call,
//! 1.2 of its 1.4 µs (facts.md §2). It does so without a lock between threads, so two threads can
//! also leave the process without handlers while one of them runs. A call that never returns
//! keeps the count above zero, and both go away; and only then can `faults.rs` stand before the
//! handlers. So other calls wait until this one has parked.

use std::{
    sync::OnceLock,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, ThreadId},
};

use parking_lot::{Condvar, Mutex};

use super::faults;

/// Who keeps the process warm, once.
static KEEPER: OnceLock<ThreadId> = OnceLock::new();
/// The keeper was started and has not parked yet.
static WARMING: AtomicBool = AtomicBool::new(false);
static PARKED: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Runs `call`, once in the process, on a thread of its own. It MUST enter AOT code and call a host
/// function that parks the thread (see [`park`]). Guest calls of other threads wait for that.
pub fn keep_warm(call: impl FnOnce() + Send + 'static) {
    KEEPER.get_or_init(|| {
        WARMING.store(true, Ordering::SeqCst);
        let run = move || {
            call();
            tracing::warn!("the call that keeps WasmEdge warm has returned");
            parked();
        };
        match faults::spawn("keep-warm", run) {
            Ok(handle) => handle.thread().id(),
            Err(error) => {
                tracing::warn!(%error, "no thread to keep WasmEdge warm; calls will be slower");
                parked();
                thread::current().id()
            }
        }
    });
}

/// Never returns.
pub fn park() -> ! {
    faults::take_over();
    parked();
    loop {
        thread::park();
    }
}

fn parked() {
    WARMING.store(false, Ordering::SeqCst);
    *PARKED.0.lock() = true;
    PARKED.1.notify_all();
}

/// Returns at once unless the keeper is on its way to park.
pub(super) fn wait() {
    if WARMING.load(Ordering::Relaxed) && thread::current().name() != Some("keep-warm") {
        let mut is_parked = PARKED.0.lock();
        while !*is_parked {
            PARKED.1.wait(&mut is_parked);
        }
    }
}
