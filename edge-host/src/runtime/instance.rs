//! A module at work: what it is made of, its exports, and the order in which all of it dies.

#![allow(unsafe_code)] // the C API

use std::{
    cell::{Cell, UnsafeCell},
    ptr::{self, NonNull},
    sync::Arc,
    time::Duration,
};

use wit_bindgen_wasmedge::rt::{self, CoreType, CoreValue, GuestMemory, Signature, Trap};

use super::{
    Error, Imports, Module, ffi,
    imports::{Binding, Shared, bind_imports},
    keep_warm,
    limits::Limit,
    memory::Memory,
    module::{Configure, check},
    thread_state::ThreadState,
    values::wrap,
};

/// An instance of a [`Module`], with the state `H` that its host functions work on.
///
/// One call at a time, on the thread that made it. After a trap its memory is in doubt: drop it.
pub struct Instance<H> {
    module: NonNull<ffi::WasmEdge_ModuleInstanceContext>,
    memory: Memory,
    /// In the order of the export table; `None` where an optional export is missing.
    exports: Vec<Option<Export>>,
    // Below: what the instance refers to, dropped after it (see `Drop`).
    imports: Vec<NonNull<ffi::WasmEdge_ModuleInstanceContext>>,
    store: NonNull<ffi::WasmEdge_StoreContext>,
    executor: NonNull<ffi::WasmEdge_ExecutorContext>,
    #[expect(dead_code, reason = "host functions point into it")]
    bindings: Box<[Binding<H>]>,
    shared: Box<Shared<H>>,
    limit: Limit,
}

#[derive(Clone, Copy)]
struct Export {
    function: NonNull<ffi::WasmEdge_FunctionInstanceContext>,
    results: &'static [CoreType],
}

impl<H: Imports> Instance<H> {
    /// Instantiates `module`. The caller has checked its imports and exports against the tables
    /// (`rt::check`), so that every import of `imports` that it asks for has the right type.
    pub fn new(
        module: &Module,
        imports: &'static [Signature],
        exports: &'static [Signature],
        host: H,
    ) -> Result<Self, Error> {
        let configure = Configure::new()?;
        // SAFETY: every context is checked for null; `Partial` deletes what was made when a later
        // step fails, and after that `Instance::drop` does.
        unsafe {
            let executor =
                NonNull::new(ffi::WasmEdge_ExecutorCreate(configure.as_ptr(), ptr::null_mut()))
                    .ok_or_else(|| Error::Engine("no executor".to_owned()))?;
            let mut parts = Partial { executor, store: None, imports: Vec::new() };
            let store = NonNull::new(ffi::WasmEdge_StoreCreate())
                .ok_or_else(|| Error::Engine("no store".to_owned()))?;
            parts.store = Some(store);
            let limit = Limit::new();
            let shared = Box::new(Shared {
                host: UnsafeCell::new(host),
                watched: Arc::clone(limit.watched()),
                busy: Cell::new(false),
                thread: ThreadState::of_this_thread()?,
                memory: Cell::new(None),
                trap: Cell::new(None),
            });
            let bindings = bind_imports(&mut parts, imports, &shared)?;
            register_wasi(&mut parts)?;
            let mut instance = ptr::null_mut();
            check(ffi::WasmEdge_ExecutorInstantiate(
                executor.as_ptr(),
                &raw mut instance,
                store.as_ptr(),
                module.as_ptr(),
            ))
            .map_err(Error::Unfit)?;
            let instance =
                NonNull::new(instance).ok_or_else(|| Error::Engine("no instance".to_owned()))?;
            let found = Memory::of(executor, instance);
            let exports = exports.iter().map(|export| Export::of(instance, export)).collect();
            let Some(memory) = found else {
                ffi::WasmEdge_ModuleInstanceDelete(instance.as_ptr());
                return Err(Error::Unfit(
                    "exports no memory `memory` or no function `cabi_realloc`".to_owned(),
                ));
            };
            shared.memory.set(Some(memory));
            let imports = std::mem::take(&mut parts.imports);
            std::mem::forget(parts);
            Ok(Self {
                module: instance,
                memory,
                exports,
                imports,
                store,
                executor,
                bindings,
                shared,
                limit,
            })
        }
    }

    /// How long the calls from now on may take together; `None`: as long as they do. The one that
    /// uses it up is stopped and traps. Holds once the process is warm (see [`super::keep_warm`]).
    pub fn set_time_max(&mut self, time_max: Option<Duration>) {
        self.limit.set(time_max);
    }

    /// Whether a call was stopped, of those since the time was set.
    pub fn was_stopped(&self) -> bool {
        self.limit.was_stopped()
    }

    /// The state of the host functions. No call is running, so nobody else holds it.
    pub fn host_mut(&mut self) -> &mut H {
        self.shared.host.get_mut()
    }
}

impl<H: Imports> GuestMemory for Instance<H> {
    fn bytes(&mut self) -> &mut [u8] {
        self.memory.bytes()
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        keep_warm::wait();
        let busy = self.shared.busy.replace(true);
        let Self { memory, shared, limit, .. } = self;
        let mut answer = 0;
        let called = limit.call(
            || {
                answer = memory.realloc(size, align).map_err(|trap| shared.explain(trap))?;
                Ok(())
            },
            overdue,
        );
        self.shared.busy.set(busy);
        called.map(|()| answer)
    }
}

impl<H: Imports> rt::Instance for Instance<H> {
    fn has_export(&self, export: usize) -> bool {
        self.exports.get(export).is_some_and(Option::is_some)
    }

    fn call(
        &mut self,
        export: usize,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        let export = self
            .exports
            .get(export)
            .copied()
            .flatten()
            .ok_or_else(|| Trap::new("the guest does not export this function"))?;
        keep_warm::wait();
        let Self { memory, shared, limit, .. } = self;
        limit.call(
            || {
                memory
                    .invoke(export.function, params, export.results, results)
                    .map_err(|trap| shared.explain(trap))
            },
            overdue,
        )
    }
}

fn overdue(time_max: Duration) -> Trap {
    Trap::new(format!("stopped: it ran longer than {} ms", time_max.as_millis()))
}

impl<H> Drop for Instance<H> {
    fn drop(&mut self) {
        // SAFETY: the instance goes before what it refers to; all are owned and deleted once.
        unsafe {
            ffi::WasmEdge_ModuleInstanceDelete(self.module.as_ptr());
            for import in &self.imports {
                ffi::WasmEdge_ModuleInstanceDelete(import.as_ptr());
            }
            ffi::WasmEdge_StoreDelete(self.store.as_ptr());
            ffi::WasmEdge_ExecutorDelete(self.executor.as_ptr());
        }
        // Only after this may the host functions' state go, as the fields do.
    }
}

impl Export {
    /// # Safety
    /// `instance` is live.
    unsafe fn of(
        instance: NonNull<ffi::WasmEdge_ModuleInstanceContext>,
        signature: &'static Signature,
    ) -> Option<Self> {
        // SAFETY: the caller's.
        let function = unsafe {
            ffi::WasmEdge_ModuleInstanceFindFunction(instance.as_ptr(), wrap(signature.name))
        };
        Some(Self { function: NonNull::new(function)?, results: signature.results })
    }
}

/// Deletes what was made for an instance that could not be finished.
pub(super) struct Partial {
    executor: NonNull<ffi::WasmEdge_ExecutorContext>,
    store: Option<NonNull<ffi::WasmEdge_StoreContext>>,
    imports: Vec<NonNull<ffi::WasmEdge_ModuleInstanceContext>>,
}

impl Partial {
    /// Registers a module of host functions under its name.
    ///
    /// # Safety
    /// `module` is live and not owned by anything else.
    pub(super) unsafe fn register(
        &mut self,
        module: NonNull<ffi::WasmEdge_ModuleInstanceContext>,
    ) -> Result<(), Error> {
        self.imports.push(module);
        let store = self.store.expect("the store is made first");
        // SAFETY: all three are live.
        check(unsafe {
            ffi::WasmEdge_ExecutorRegisterImport(
                self.executor.as_ptr(),
                store.as_ptr(),
                module.as_ptr(),
            )
        })
        .map_err(Error::Engine)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // SAFETY: owned, deleted once.
        unsafe {
            for import in &self.imports {
                ffi::WasmEdge_ModuleInstanceDelete(import.as_ptr());
            }
            if let Some(store) = self.store {
                ffi::WasmEdge_StoreDelete(store.as_ptr());
            }
            ffi::WasmEdge_ExecutorDelete(self.executor.as_ptr());
        }
    }
}

/// WASI without arguments, environment or files: what Rust's panic message and hash seeds need.
/// Which of its functions a guest may import is decided by the allow-list it is checked against.
fn register_wasi(parts: &mut Partial) -> Result<(), Error> {
    // SAFETY: empty lists; the module is owned by `parts` once registered.
    unsafe {
        let wasi = NonNull::new(ffi::WasmEdge_ModuleInstanceCreateWASI(
            ptr::null(),
            0,
            ptr::null(),
            0,
            ptr::null(),
            0,
        ))
        .ok_or_else(|| Error::Engine("no WASI module".to_owned()))?;
        parts.register(wasi)
    }
}
