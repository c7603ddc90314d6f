//! Makes calls into AOT code cheaper by keeping one call active for ever.
//!
//! WasmEdge installs three signal handlers when the process's count of active AOT calls leaves
//! zero, and puts the old ones back when it returns to zero: six system calls around every call,
//! 1.2 of its 1.4 µs (facts.md §2). It does so without a lock between threads, so two threads can
//! also leave the process without handlers while one of them runs. A call that never returns
//! keeps the count above zero, and both go away.

use std::{sync::OnceLock, thread};

static KEEPER: OnceLock<()> = OnceLock::new();

/// Runs `call`, once in the process, on a thread of its own. It MUST enter AOT code and call a host
/// function that parks the thread (see [`park`]).
pub fn keep_warm(call: impl FnOnce() + Send + 'static) {
    KEEPER.get_or_init(|| {
        let spawned = thread::Builder::new().name("keep-warm".to_owned()).spawn(call);
        if let Err(error) = spawned {
            tracing::warn!(%error, "no thread to keep WasmEdge warm; calls will be slower");
        }
    });
}

/// Never returns.
pub fn park() -> ! {
    loop {
        thread::park();
    }
}
