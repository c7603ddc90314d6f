//! What happens when guest code breaks a rule of the machine: its stack is used up, or its time.
//!
//! WasmEdge turns a memory fault in AOT code into a trap: its signal handler jumps back to where
//! the call began. But it runs on the stack of the thread that faulted, so a guest that recurses
//! without end would take the process down; and a fault of our own code would jump into nowhere. So
//! these handlers stand before WasmEdge's: on the thread's signal stack, which Rust gives every
//! thread, and for faults in guest code only.
//!
//! AOT code has no stack probes: one big frame could step over a guard page. [`spawn`] therefore
//! guards as much as the largest function that `Interface` lets through can need.

#![allow(unsafe_code)] // signal handlers, and the protection of a stack

use std::{
    cell::Cell,
    ffi::{c_int, c_void},
    io, mem, ptr,
    sync::OnceLock,
    thread,
};

use super::limits::{self, Watched};

/// A guest thread's stack: half of it is used, half of it guards.
const STACK_BYTES: usize = 4 << 20;
const GUARD_BYTES: usize = STACK_BYTES / 2;
/// What a host function may need of it: SQLite's parser and sorter, TLS.
const HOST_FUNCTION_BYTES: usize = 512 << 10;

thread_local! {
    /// The lowest address of this thread's stack that may be used; 0 on threads not made here.
    static STACK_END: Cell<usize> = const { Cell::new(0) };
}

type Handler = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

struct Before {
    /// WasmEdge's handler, which ends guest code by a jump.
    wasmedge: Handler,
}

static BEFORE: OnceLock<Before> = OnceLock::new();
/// Where code lies that is not a guest's: start and end of each mapping.
static HOST_CODE: OnceLock<Vec<(usize, usize)>> = OnceLock::new();

/// Spawns a thread that may run guest code.
pub fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(move || {
        guard_stack();
        run();
    })
}

/// Makes the lower half of this thread's stack inaccessible.
fn guard_stack() {
    // SAFETY: the attributes are filled before they are read and destroyed once; the pages are
    // below everything this young thread has used.
    unsafe {
        let mut attributes = mem::zeroed::<libc::pthread_attr_t>();
        if libc::pthread_getattr_np(libc::pthread_self(), &raw mut attributes) != 0 {
            return;
        }
        let (mut start, mut size) = (ptr::null_mut(), 0);
        if libc::pthread_attr_getstack(&raw const attributes, &raw mut start, &raw mut size) == 0 {
            assert!(size >= STACK_BYTES, "the thread was spawned with this stack");
            libc::mprotect(start, GUARD_BYTES, libc::PROT_NONE);
            STACK_END.set(start.addr() + GUARD_BYTES);
        }
        libc::pthread_attr_destroy(&raw mut attributes);
    }
}

/// Whether a host function has the stack it may need. A guest that recurses and calls out must not
/// reach the guard in our own code, which no handler can leave.
pub(super) fn has_stack_for_host_function() -> bool {
    let here = 0_u8;
    ptr::from_ref(&here).addr() >= STACK_END.get().saturating_add(HOST_FUNCTION_BYTES)
}

/// Puts our handlers before WasmEdge's. To be called while a call into AOT code is active and stays
/// so, since WasmEdge puts its own back whenever the first one begins.
pub(super) fn take_over() {
    // SAFETY: the actions are whole; the handlers are async-signal-safe.
    unsafe {
        let mut action = mem::zeroed::<libc::sigaction>();
        libc::sigaction(libc::SIGSEGV, ptr::null(), &raw mut action);
        if action.sa_flags & libc::SA_SIGINFO == 0 || action.sa_sigaction <= libc::SIG_IGN {
            tracing::error!("WasmEdge handles no faults: guests run without limits");
            return;
        }
        let wasmedge = mem::transmute::<usize, Handler>(action.sa_sigaction);
        if BEFORE.set(Before { wasmedge }).is_err() {
            return;
        }
        let mut ours = mem::zeroed::<libc::sigaction>();
        ours.sa_sigaction = on_fault as Handler as usize;
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE] {
            libc::sigaction(signal, &raw const ours, ptr::null_mut());
        }
        // The jump leaves the handler without the kernel's knowing: the signal must not stay
        // blocked.
        ours.sa_sigaction = on_overdue as Handler as usize;
        ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART | libc::SA_NODEFER;
        libc::sigaction(limits::SIGNAL, &raw const ours, ptr::null_mut());
    }
}

unsafe extern "C" fn on_fault(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    if let (Some(before), Some(_)) = (BEFORE.get(), Watched::of_this_thread()) {
        // SAFETY: this thread runs guest code, so WasmEdge has noted where to jump.
        unsafe { (before.wasmedge)(signal, info, context) };
    }
    // Our own fault: it comes again at once, and ends the process.
    // SAFETY: the default action of a signal.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

unsafe extern "C" fn on_overdue(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let (Some(before), Some(watched)) = (BEFORE.get(), Watched::of_this_thread()) else {
        return;
    };
    // SAFETY: the kernel passes the context of the interrupted code.
    let at = unsafe { program_counter(context) };
    // In WasmEdge's or the C library's code a lock may be held: the signal comes again.
    let mut host_code = HOST_CODE.get().into_iter().flatten();
    let is_host = host_code.any(|(start, end)| (*start..*end).contains(&at));
    if watched.is_overdue() && !is_host {
        // SAFETY: this thread runs AOT code, so WasmEdge has noted where to jump.
        unsafe { (before.wasmedge)(libc::SIGSEGV, info, context) };
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn program_counter(context: *mut c_void) -> usize {
    // SAFETY: the caller's.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    usize::try_from(context.uc_mcontext.gregs[libc::REG_RIP as usize]).unwrap_or(usize::MAX)
}

#[cfg(target_arch = "aarch64")]
unsafe fn program_counter(context: *mut c_void) -> usize {
    // SAFETY: the caller's.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    usize::try_from(context.uc_mcontext.pc).unwrap_or(usize::MAX)
}

/// Notes where the host's code lies. To be called before the first guest is loaded, whose code may
/// come as a library too; calls after the first do nothing.
pub(super) fn note_host_code() {
    HOST_CODE.get_or_init(host_code);
}

/// The executable mappings of the program and its libraries.
fn host_code() -> Vec<(usize, usize)> {
    unsafe extern "C" fn note(
        object: *mut libc::dl_phdr_info,
        _size: libc::size_t,
        found: *mut c_void,
    ) -> c_int {
        // SAFETY: `dl_iterate_phdr` lends a filled object with as many headers as it says; `found`
        // is what was passed below.
        unsafe {
            let object = &*object;
            let found = &mut *found.cast::<Vec<(usize, usize)>>();
            let headers = std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into());
            for header in headers.iter().filter(|header| header.p_flags & libc::PF_X != 0) {
                let start = object.dlpi_addr + header.p_vaddr;
                let (start, end) =
                    (usize::try_from(start), usize::try_from(start + header.p_memsz));
                found.extend(start.ok().zip(end.ok()));
            }
        }
        0
    }
    let mut found: Vec<(usize, usize)> = Vec::new();
    // SAFETY: `note` gets what it expects, and `found` outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut found).cast()) };
    found
}
