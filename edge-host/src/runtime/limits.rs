//! Time limits for guest code: a call that runs past its deadline is stopped, wherever it loops.
//!
//! WasmEdge can interrupt AOT code only where it was compiled to ask at every loop and call, with
//! an atomic exchange each time. Here the code is left alone. A watchdog thread looks every few
//! milliseconds at the calls under way; for one that is overdue it sends a signal to the thread,
//! whose handler ends the guest's code the same way as a memory fault does (`faults.rs`), if it
//! finds the thread in guest code; until then it comes again. In a host function, which must not be
//! left by a jump, the next return to the guest ends the call. A call whose time is up on the wall
//! may only have waited for the processor: it may use half of its time more of that before it is
//! stopped. The idea of preempting by a signal, and the signal, are those of Go's scheduler
//! (`runtime/signal_unix.go`).

#![allow(unsafe_code)] // pthread_kill, clock_gettime

use std::{
    cell::Cell,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use parking_lot::Mutex;

/// How often calls under way are looked at.
const TICK: Duration = Duration::from_millis(4);
/// How often an overdue call is signalled.
const TICK_OVERDUE: Duration = Duration::from_micros(200);
/// Looks without a call under way, after which the watchdog sleeps until one begins.
const IDLE_TICKS_MAX: u32 = 50;
/// Preempts: ignored by default, and used by nobody else here.
pub(super) const SIGNAL: libc::c_int = libc::SIGURG;

/// No call is under way, or one without a limit.
const NONE: u64 = 0;
/// The call under way has used its time up.
const OVERDUE: u64 = u64::MAX;

thread_local! {
    /// The call under way on this thread. Without a destructor, so that a signal handler may read
    /// it.
    static CURRENT: Cell<*const Watched> = const { Cell::new(std::ptr::null()) };
}

/// What an instance's thread, the watchdog and the signal handlers know of the instance's call.
pub(super) struct Watched {
    /// The thread that makes every call.
    thread: libc::pthread_t,
    /// Milliseconds of the coarse monotonic clock, or [`NONE`], or [`OVERDUE`].
    deadline: AtomicU64,
    /// Nanoseconds of processor time that a call may use after its deadline.
    grace: AtomicU64,
    /// The thread runs the guest's code, or WasmEdge's on its behalf: none of ours, which a jump
    /// would leave half-done. Only that thread and its handlers look.
    in_guest: AtomicBool,
}

impl Watched {
    /// Whether the call under way has used its time up.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline.load(Ordering::Relaxed) == OVERDUE
    }

    /// Runs guest code, or host code within it.
    pub(super) fn in_guest<T>(&self, is_guest: bool, run: impl FnOnce() -> T) -> T {
        let before = self.in_guest.swap(is_guest, Ordering::Relaxed);
        let answer = run();
        self.in_guest.store(before, Ordering::Relaxed);
        answer
    }

    /// The call of the thread that asks, if it is in guest code. For signal handlers.
    pub(super) fn of_this_thread() -> Option<&'static Self> {
        // SAFETY: `Limit::call` keeps what it points to alive and resets it, on this thread.
        let watched = unsafe { CURRENT.get().as_ref() }?;
        watched.in_guest.load(Ordering::Relaxed).then_some(watched)
    }
}

/// An instance's place under the watchdog. Belongs to the thread that made it.
pub(super) struct Limit {
    watched: Arc<Watched>,
    /// What was given to the calls since; `None`: no limit.
    time_max: Option<Duration>,
    /// When that is used up, as in `Watched`.
    deadline: u64,
    /// One of them has used it up.
    was_stopped: Cell<bool>,
}

impl Limit {
    pub(super) fn new() -> Self {
        // SAFETY: no arguments.
        let thread = unsafe { libc::pthread_self() };
        let watched = Arc::new(Watched {
            thread,
            deadline: AtomicU64::new(NONE),
            grace: AtomicU64::new(0),
            in_guest: AtomicBool::new(false),
        });
        Watchdog::get().calls.lock().push(Call { watched: Arc::clone(&watched), late: None });
        Self { watched, time_max: None, deadline: NONE, was_stopped: Cell::new(false) }
    }

    /// For the calls from now on, together: one answer takes many, one for each list and text.
    pub(super) fn set(&mut self, time_max: Option<Duration>) {
        self.time_max = time_max;
        self.was_stopped.set(false);
        self.deadline = time_max.map_or(NONE, |time_max| {
            let milliseconds = u64::try_from(time_max.as_millis()).unwrap_or(u64::MAX / 2);
            coarse_now().saturating_add(milliseconds).clamp(NONE + 1, OVERDUE - 1)
        });
        let grace = time_max.unwrap_or_default() / 2;
        let grace = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
        self.watched.grace.store(grace, Ordering::Relaxed);
    }

    /// Whether one of the calls since was stopped.
    pub(super) fn was_stopped(&self) -> bool {
        self.was_stopped.get()
    }

    pub(super) fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }

    /// Makes a call under the limit. An error of an overdue call is told as that.
    pub(super) fn call<E>(
        &self,
        call: impl FnOnce() -> Result<(), E>,
        overdue: impl FnOnce(Duration) -> E,
    ) -> Result<(), E> {
        let outer = CURRENT.replace(Arc::as_ptr(&self.watched));
        if self.deadline != NONE {
            self.watched.deadline.store(self.deadline, Ordering::SeqCst);
            Watchdog::get().wake();
        }
        let answer = self.watched.in_guest(true, call);
        let was_overdue = self.watched.is_overdue();
        self.watched.deadline.store(NONE, Ordering::SeqCst);
        CURRENT.set(outer);
        match (answer, self.time_max) {
            (Err(_), Some(time_max)) if was_overdue => {
                self.was_stopped.set(true);
                Err(overdue(time_max))
            }
            (answer, _) => answer,
        }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        // Under the lock: afterwards the thread may end, and must not be signalled any more.
        Watchdog::get().calls.lock().retain(|call| !Arc::ptr_eq(&call.watched, &self.watched));
    }
}

/// An instance, as the watchdog sees it.
struct Call {
    watched: Arc<Watched>,
    /// The deadline that was found past, and the thread's processor time when it was.
    late: Option<(u64, u64)>,
}

impl Call {
    /// How the call under way stands, by the clock.
    fn look(&mut self, now: u64) -> Seen {
        let deadline = self.watched.deadline.load(Ordering::SeqCst);
        match deadline {
            NONE => Seen::Nothing,
            OVERDUE => Seen::Overdue,
            _ if now < deadline => Seen::Calls,
            _ => {
                // SAFETY: the thread is alive: it leaves the list before it ends.
                let used = unsafe { processor_time(self.watched.thread) };
                match self.late {
                    Some((late, before)) if late == deadline => {
                        let grace = self.watched.grace.load(Ordering::Relaxed);
                        if used.saturating_sub(before) < grace {
                            return Seen::Calls;
                        }
                        // The call may have ended meanwhile. A later one's deadline is not past.
                        let (ordering, marked) = (Ordering::SeqCst, &self.watched.deadline);
                        match marked.compare_exchange(deadline, OVERDUE, ordering, ordering) {
                            Ok(_) => Seen::Overdue,
                            Err(_) => Seen::Calls,
                        }
                    }
                    _ => {
                        self.late = Some((deadline, used));
                        Seen::Calls
                    }
                }
            }
        }
    }
}

struct Watchdog {
    calls: Mutex<Vec<Call>>,
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Watchdog {
    fn get() -> &'static Self {
        static WATCHDOG: OnceLock<&'static Watchdog> = OnceLock::new();
        WATCHDOG.get_or_init(|| {
            let watchdog: &Watchdog = Box::leak(Box::new(Watchdog {
                calls: Mutex::new(Vec::new()),
                asleep: AtomicBool::new(false),
                thread: OnceLock::new(),
            }));
            let spawned =
                thread::Builder::new().name("watchdog".to_owned()).spawn(|| watchdog.run());
            match spawned {
                Ok(handle) => {
                    let _ = watchdog.thread.set(handle.thread().clone());
                }
                Err(error) => {
                    tracing::error!(%error, "no watchdog: guests run without time limits");
                }
            }
            watchdog
        })
    }

    fn run(&self) {
        let mut idle = 0;
        loop {
            match self.look() {
                Seen::Overdue => thread::sleep(TICK_OVERDUE),
                Seen::Calls => {
                    idle = 0;
                    thread::sleep(TICK);
                }
                Seen::Nothing if idle < IDLE_TICKS_MAX => {
                    idle += 1;
                    thread::sleep(TICK);
                }
                Seen::Nothing => {
                    // A call that begins now either sees this flag or is seen by the second look.
                    self.asleep.store(true, Ordering::SeqCst);
                    if matches!(self.look(), Seen::Nothing) {
                        thread::park();
                    }
                    self.asleep.store(false, Ordering::SeqCst);
                    idle = 0;
                }
            }
        }
    }

    /// Signals every overdue call.
    fn look(&self) -> Seen {
        let now = coarse_now();
        let mut seen = Seen::Nothing;
        for call in self.calls.lock().iter_mut() {
            let this = call.look(now);
            if this == Seen::Overdue {
                // SAFETY: the thread is alive: it leaves the list before it ends.
                unsafe { libc::pthread_kill(call.watched.thread, SIGNAL) };
            }
            seen = seen.max(this);
        }
        seen
    }

    fn wake(&self) {
        if self.asleep.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }
}

/// What a look found, the most pressing of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Nothing,
    Calls,
    Overdue,
}

/// Milliseconds of a clock that never goes back, some of them late, and costs next to nothing.
fn coarse_now() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the place is valid; this clock exists on every Linux.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC_COARSE, &raw mut now) };
    now.tv_sec.cast_unsigned() * 1_000 + now.tv_nsec.cast_unsigned() / 1_000_000
}

/// Nanoseconds that a thread has used of the processor.
///
/// # Safety
/// The thread is alive.
unsafe fn processor_time(thread: libc::pthread_t) -> u64 {
    let mut clock = 0;
    let mut used = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the caller's; the places are valid. Where it fails, the time stands still.
    unsafe {
        if libc::pthread_getcpuclockid(thread, &raw mut clock) == 0 {
            libc::clock_gettime(clock, &raw mut used);
        }
    }
    used.tv_sec.cast_unsigned() * 1_000_000_000 + used.tv_nsec.cast_unsigned()
}
