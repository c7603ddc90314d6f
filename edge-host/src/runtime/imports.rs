//! The way back: from the guest, through WasmEdge, into the host functions.

#![allow(unsafe_code)] // called by C, with pointers to what we registered

use std::{
    cell::{Cell, UnsafeCell},
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
    sync::Arc,
};

use wit_bindgen_wasmedge::rt::{CoreValue, GuestMemory, Signature, Trap};

use super::{
    Error, faults, ffi,
    instance::Partial,
    limits::Watched,
    memory::Memory,
    thread_state::ThreadState,
    values::{FLAT_MAX, from_raw, function_type, to_raw, wrap},
};

/// The code WasmEdge carries while a host function's trap unwinds the guest.
const HOST_TRAP_CODE: u32 = 1;

/// What an instance may call.
pub trait Imports {
    /// Answers one call.
    ///
    /// MUST fill every result before it returns `Ok`. MAY call `memory.realloc`, and MUST NOT keep
    /// what `memory.bytes` lends across such a call. `import` counts in the table that the
    /// instance was made with.
    fn call(
        &mut self,
        import: usize,
        memory: &mut dyn GuestMemory,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap>;
}

/// What all host functions of an instance share.
pub(super) struct Shared<H> {
    pub(super) host: UnsafeCell<H>,
    /// The instance's call under way, for the watchdog.
    pub(super) watched: Arc<Watched>,
    /// A host function or `cabi_realloc` is running. A guest whose `cabi_realloc` calls an import
    /// would otherwise reach `host` twice.
    pub(super) busy: Cell<bool>,
    pub(super) thread: ThreadState,
    pub(super) memory: Cell<Option<Memory>>,
    /// What the last host function that failed had to say.
    pub(super) trap: Cell<Option<Trap>>,
}

/// One host function: WasmEdge hands back a pointer to this.
pub(super) struct Binding<H> {
    import: usize,
    signature: &'static Signature,
    shared: *const Shared<H>,
}

impl<H> Shared<H> {
    /// WasmEdge says only that a host function failed; the host function said why.
    pub(super) fn explain(&self, trap: Trap) -> Trap {
        self.trap.take().unwrap_or(trap)
    }
}

/// Makes one WasmEdge module for each module name in the table, with its host functions.
///
/// # Safety
/// `shared` and the answer outlive the instance, each at its address.
pub(super) unsafe fn bind_imports<H: Imports>(
    parts: &mut Partial,
    imports: &'static [Signature],
    shared: &Shared<H>,
) -> Result<Box<[Binding<H>]>, Error> {
    let bind = |(import, signature)| Binding { import, signature, shared };
    let bindings: Box<[Binding<H>]> = imports.iter().enumerate().map(bind).collect();
    let mut names: Vec<&'static str> = imports.iter().map(|import| import.module).collect();
    names.dedup();
    for name in names {
        // SAFETY: the name is copied; the module is owned by `parts` once registered.
        let module = NonNull::new(unsafe { ffi::WasmEdge_ModuleInstanceCreate(wrap(name)) })
            .ok_or_else(|| Error::Engine("no import module".to_owned()))?;
        for binding in bindings.iter().filter(|binding| binding.signature.module == name) {
            let data = ptr::from_ref(binding).cast_mut().cast::<c_void>();
            // SAFETY: `data` is only read, and outlives the instance; the function type is copied
            // and deleted; the function belongs to the module once added.
            unsafe {
                let kind = function_type(binding.signature);
                let function =
                    ffi::WasmEdge_FunctionInstanceCreate(kind, Some(host_function::<H>), data, 0);
                ffi::WasmEdge_FunctionTypeDelete(kind);
                let name = wrap(binding.signature.name);
                ffi::WasmEdge_ModuleInstanceAddFunction(module.as_ptr(), name, function);
            }
        }
        // SAFETY: made above, owned by nobody yet.
        unsafe { parts.register(module)? };
    }
    Ok(bindings)
}

/// Every host function enters here.
unsafe extern "C" fn host_function<H: Imports>(
    data: *mut c_void,
    _frame: *const ffi::WasmEdge_CallingFrameContext,
    raw_params: *const ffi::WasmEdge_Value,
    raw_results: *mut ffi::WasmEdge_Value,
) -> ffi::WasmEdge_Result {
    // SAFETY: `data` is the binding that `bind_imports` registered; it and `shared` outlive the
    // instance, and all calls of an instance come from one thread.
    let (binding, shared) = unsafe {
        let binding = &*data.cast::<Binding<H>>();
        (binding, &*binding.shared)
    };
    shared.watched.in_guest(false, || call(binding, shared, raw_params, raw_results))
}

fn call<H: Imports>(
    binding: &Binding<H>,
    shared: &Shared<H>,
    raw_params: *const ffi::WasmEdge_Value,
    raw_results: *mut ffi::WasmEdge_Value,
) -> ffi::WasmEdge_Result {
    let signature = binding.signature;
    let mut params = [CoreValue::I32(0); FLAT_MAX];
    for (index, kind) in signature.params.iter().enumerate() {
        // SAFETY: WasmEdge passes as many values as the registered type has.
        params[index] = from_raw(unsafe { *raw_params.add(index) }, *kind);
    }
    let mut results = [CoreValue::I32(0); FLAT_MAX];
    let results = &mut results[..signature.results.len()];
    let answer = answer(binding.import, shared, &params[..signature.params.len()], results);
    match answer {
        Ok(()) => {
            for (index, result) in results.iter().enumerate() {
                // SAFETY: as many values as the registered type has.
                unsafe { *raw_results.add(index) = to_raw(*result) };
            }
            ffi::WasmEdge_Result { Code: 0 }
        }
        Err(trap) => {
            shared.trap.set(Some(trap));
            // SAFETY: plain values.
            unsafe {
                ffi::WasmEdge_ResultGen(ffi::WasmEdge_ErrCategory_UserLevelError, HOST_TRAP_CODE)
            }
        }
    }
}

fn answer<H: Imports>(
    import: usize,
    shared: &Shared<H>,
    params: &[CoreValue],
    results: &mut [CoreValue],
) -> Result<(), Trap> {
    if !faults::has_stack_for_host_function() {
        return Err(Trap::new("host function called with next to no stack left"));
    }
    let mut memory =
        shared.memory.get().ok_or_else(|| Trap::new("host function called while instantiating"))?;
    memory.refresh();
    let mut memory = Nested { memory, watched: &shared.watched };
    if shared.busy.replace(true) {
        return Err(Trap::new("host function called from within cabi_realloc"));
    }
    // SAFETY: `busy` makes this the only reference to the host.
    let host = unsafe { &mut *shared.host.get() };
    // A panic must not unwind into WasmEdge's frames, and the guest's call goes on afterwards.
    let answer = shared.thread.keep(|| {
        catch_unwind(AssertUnwindSafe(|| host.call(import, &mut memory, params, results)))
    });
    shared.busy.set(false);
    if shared.watched.is_overdue() {
        return Err(Trap::new("stopped in a host function: the call has used its time up"));
    }
    answer.unwrap_or_else(|_| Err(Trap::new("host function panicked")))
}

/// The guest's memory within a host function: its allocator runs guest code within ours.
struct Nested<'a> {
    memory: Memory,
    watched: &'a Watched,
}

impl GuestMemory for Nested<'_> {
    fn bytes(&mut self) -> &mut [u8] {
        self.memory.bytes()
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        let Self { memory, watched } = self;
        watched.in_guest(true, || memory.realloc(size, align))
    }
}
