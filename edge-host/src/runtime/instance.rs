//! A module at work: its memory, its exports, and the host functions it may call.

#![allow(unsafe_code)] // the C API, and the way back from it into Rust

use std::{
    cell::{Cell, UnsafeCell},
    ffi::c_void,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr::{self, NonNull},
};

use wit_bindgen_wasmedge::rt::{self, CoreType, CoreValue, GuestMemory, Signature, Trap};

use super::{
    Error, Module, ffi,
    module::{Configure, check},
    thread_state::ThreadState,
};

/// Bytes of a page of linear memory.
const PAGE_BYTES: usize = 65_536;
/// The most parameters or results a core function of the canonical ABI has.
const FLAT_MAX: usize = 17;

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

/// An instance of a [`Module`], with the state `H` that its host functions work on.
///
/// One call at a time, on the thread that made it. After a trap its memory is in doubt: drop it.
pub struct Instance<H> {
    instance: NonNull<ffi::WasmEdge_ModuleInstanceContext>,
    memory: Memory,
    /// In the order of the export table; `None` where an optional export is missing.
    exports: Vec<Option<Export>>,
    // Below: what the instance refers to, dropped after it (see `Drop`).
    imports: Vec<NonNull<ffi::WasmEdge_ModuleInstanceContext>>,
    store: NonNull<ffi::WasmEdge_StoreContext>,
    executor: NonNull<ffi::WasmEdge_ExecutorContext>,
    bindings: Vec<Box<Binding<H>>>,
    shared: Box<Shared<H>>,
}

#[derive(Clone, Copy)]
struct Export {
    function: NonNull<ffi::WasmEdge_FunctionInstanceContext>,
    results: &'static [CoreType],
}

/// What all host functions of an instance share.
struct Shared<H> {
    host: UnsafeCell<H>,
    /// A host function or `cabi_realloc` is running. A guest whose `cabi_realloc` calls an import
    /// would otherwise reach `host` twice.
    busy: Cell<bool>,
    thread: ThreadState,
    memory: Cell<Option<Memory>>,
    /// What the last host function that failed had to say.
    trap: Cell<Option<Trap>>,
}

/// One host function: WasmEdge hands back a pointer to this.
struct Binding<H> {
    import: usize,
    signature: &'static Signature,
    shared: *const Shared<H>,
}

/// The instance's memory and allocator.
#[derive(Clone, Copy)]
struct Memory {
    executor: NonNull<ffi::WasmEdge_ExecutorContext>,
    memory: NonNull<ffi::WasmEdge_MemoryInstanceContext>,
    realloc: NonNull<ffi::WasmEdge_FunctionInstanceContext>,
    /// Where the memory begins and how long it is, as of the last time guest code ran.
    start: *mut u8,
    length: usize,
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
            let shared = Box::new(Shared {
                host: UnsafeCell::new(host),
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
            Ok(Self { instance, memory, exports, imports, store, executor, bindings, shared })
        }
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
        let busy = self.shared.busy.replace(true);
        let answer = self.memory.realloc(size, align);
        self.shared.busy.set(busy);
        answer.map_err(|trap| self.shared.explain(trap))
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
        self.memory
            .invoke(export.function, params, export.results, results)
            .map_err(|trap| self.shared.explain(trap))
    }
}

impl<H> Drop for Instance<H> {
    fn drop(&mut self) {
        // SAFETY: the instance goes before what it refers to; all are owned and deleted once.
        unsafe {
            ffi::WasmEdge_ModuleInstanceDelete(self.instance.as_ptr());
            for import in &self.imports {
                ffi::WasmEdge_ModuleInstanceDelete(import.as_ptr());
            }
            ffi::WasmEdge_StoreDelete(self.store.as_ptr());
            ffi::WasmEdge_ExecutorDelete(self.executor.as_ptr());
        }
        // Only now may the host functions' state go.
        self.bindings.clear();
    }
}

impl Memory {
    /// # Safety
    /// `instance` is live.
    unsafe fn of(
        executor: NonNull<ffi::WasmEdge_ExecutorContext>,
        instance: NonNull<ffi::WasmEdge_ModuleInstanceContext>,
    ) -> Option<Self> {
        // SAFETY: the caller's; the names are wrapped, not kept.
        unsafe {
            let memory = NonNull::new(ffi::WasmEdge_ModuleInstanceFindMemory(
                instance.as_ptr(),
                wrap("memory"),
            ))?;
            let realloc = NonNull::new(ffi::WasmEdge_ModuleInstanceFindFunction(
                instance.as_ptr(),
                wrap("cabi_realloc"),
            ))?;
            let mut found = Self { executor, memory, realloc, start: ptr::null_mut(), length: 0 };
            found.refresh();
            Some(found)
        }
    }

    /// Looks where the memory is. To be called after guest code ran, which may have grown it.
    fn refresh(&mut self) {
        // SAFETY: the memory lives as long as the instance.
        unsafe {
            let pages = ffi::WasmEdge_MemoryInstanceGetPageSize(self.memory.as_ptr()) as usize;
            self.start = ffi::WasmEdge_MemoryInstanceGetPointer(self.memory.as_ptr(), 0, 0);
            self.length = if self.start.is_null() { 0 } else { pages * PAGE_BYTES };
        }
    }

    fn invoke(
        &mut self,
        function: NonNull<ffi::WasmEdge_FunctionInstanceContext>,
        params: &[CoreValue],
        types: &[CoreType],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        if params.len() > FLAT_MAX || types.len() > FLAT_MAX || results.len() != types.len() {
            return Err(Trap::new("more parameters or results than the canonical ABI has"));
        }
        let mut raw_params = [EMPTY; FLAT_MAX];
        for (raw, value) in raw_params.iter_mut().zip(params) {
            *raw = to_raw(*value);
        }
        let mut raw_results = [EMPTY; FLAT_MAX];
        // SAFETY: executor and function live as long as the instance; the buffers hold at least
        // as many values as their lengths say. WasmEdge checks the number and types of parameters.
        let answer = unsafe {
            ffi::WasmEdge_ExecutorInvoke(
                self.executor.as_ptr(),
                function.as_ptr(),
                raw_params.as_ptr(),
                u32::try_from(params.len()).expect("at most FLAT_MAX"),
                raw_results.as_mut_ptr(),
                u32::try_from(results.len()).expect("at most FLAT_MAX"),
            )
        };
        self.refresh();
        check(answer).map_err(Trap::new)?;
        for ((result, raw), kind) in results.iter_mut().zip(raw_results).zip(types) {
            *result = from_raw(raw, *kind);
        }
        Ok(())
    }
}

impl GuestMemory for Memory {
    fn bytes(&mut self) -> &mut [u8] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: WasmEdge maps all pages of the memory, which lives as long as the instance; no guest
        // code has run since `refresh`, and none runs while the borrow of `self` lasts.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        let [size, align] = [size, align].map(|value| CoreValue::I32(value.cast_signed()));
        let params = [CoreValue::I32(0), CoreValue::I32(0), align, size];
        let mut results = [CoreValue::I32(0)];
        let realloc = self.realloc;
        self.invoke(realloc, &params, &[CoreType::I32], &mut results)?;
        match results {
            [CoreValue::I32(pointer)] => Ok(pointer.cast_unsigned()),
            _ => Err(Trap::new("cabi_realloc answered no i32")),
        }
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

impl<H> Shared<H> {
    /// WasmEdge says only that a host function failed; the host function said why.
    fn explain(&self, trap: Trap) -> Trap {
        self.trap.take().unwrap_or(trap)
    }
}

/// Deletes what was made for an instance that could not be finished.
struct Partial {
    executor: NonNull<ffi::WasmEdge_ExecutorContext>,
    store: Option<NonNull<ffi::WasmEdge_StoreContext>>,
    imports: Vec<NonNull<ffi::WasmEdge_ModuleInstanceContext>>,
}

impl Partial {
    /// Registers a module of host functions under its name.
    ///
    /// # Safety
    /// `module` is live and not owned by anything else.
    unsafe fn register(
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

/// Makes one WasmEdge module for each module name in the table, with its host functions.
///
/// # Safety
/// `shared` outlives the instance, at this address.
unsafe fn bind_imports<H: Imports>(
    parts: &mut Partial,
    imports: &'static [Signature],
    shared: &Shared<H>,
) -> Result<Vec<Box<Binding<H>>>, Error> {
    let mut bindings = Vec::with_capacity(imports.len());
    let mut names: Vec<&'static str> = imports.iter().map(|import| import.module).collect();
    names.dedup();
    for name in names {
        // SAFETY: the name is copied; the module is owned by `parts` once registered.
        let module = NonNull::new(unsafe { ffi::WasmEdge_ModuleInstanceCreate(wrap(name)) })
            .ok_or_else(|| Error::Engine("no import module".to_owned()))?;
        for (import, signature) in imports.iter().enumerate().filter(|(_, i)| i.module == name) {
            let mut binding = Box::new(Binding { import, signature, shared });
            let data: *mut Binding<H> = &raw mut *binding;
            // SAFETY: `data` lives in `bindings`, which outlives the instance; the function type is
            // copied and deleted; the function belongs to the module once added.
            unsafe {
                let function_type = function_type(signature);
                let function = ffi::WasmEdge_FunctionInstanceCreate(
                    function_type,
                    Some(host_function::<H>),
                    data.cast::<c_void>(),
                    0,
                );
                ffi::WasmEdge_FunctionTypeDelete(function_type);
                ffi::WasmEdge_ModuleInstanceAddFunction(
                    module.as_ptr(),
                    wrap(signature.name),
                    function,
                );
            }
            bindings.push(binding);
        }
        // SAFETY: made above, owned by nobody yet.
        unsafe { parts.register(module)? };
    }
    Ok(bindings)
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

/// The code WasmEdge carries while a host function's trap unwinds the guest.
const HOST_TRAP_CODE: u32 = 1;

fn answer<H: Imports>(
    import: usize,
    shared: &Shared<H>,
    params: &[CoreValue],
    results: &mut [CoreValue],
) -> Result<(), Trap> {
    let mut memory =
        shared.memory.get().ok_or_else(|| Trap::new("host function called while instantiating"))?;
    memory.refresh();
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
    answer.unwrap_or_else(|_| Err(Trap::new("host function panicked")))
}

const EMPTY: ffi::WasmEdge_Value =
    ffi::WasmEdge_Value { Value: 0, Type: ffi::WasmEdge_ValType { Data: [0; 8] } };

fn wrap(name: &str) -> ffi::WasmEdge_String {
    let length = u32::try_from(name.len()).expect("names are short");
    // SAFETY: WasmEdge copies the name before the borrow ends.
    unsafe { ffi::WasmEdge_StringWrap(name.as_ptr().cast(), length) }
}

/// # Safety
/// The caller deletes the type.
unsafe fn function_type(signature: &Signature) -> *mut ffi::WasmEdge_FunctionTypeContext {
    let raw = |types: &[CoreType]| types.iter().copied().map(raw_type).collect::<Vec<_>>();
    let (params, results) = (raw(signature.params), raw(signature.results));
    let length = |types: &Vec<_>| u32::try_from(types.len()).expect("at most FLAT_MAX");
    // SAFETY: both lists are copied.
    unsafe {
        ffi::WasmEdge_FunctionTypeCreate(
            params.as_ptr(),
            length(&params),
            results.as_ptr(),
            length(&results),
        )
    }
}

fn raw_type(kind: CoreType) -> ffi::WasmEdge_ValType {
    // SAFETY: no arguments, plain values.
    unsafe {
        match kind {
            CoreType::I32 => ffi::WasmEdge_ValTypeGenI32(),
            CoreType::I64 => ffi::WasmEdge_ValTypeGenI64(),
            CoreType::F32 => ffi::WasmEdge_ValTypeGenF32(),
            CoreType::F64 => ffi::WasmEdge_ValTypeGenF64(),
        }
    }
}

fn to_raw(value: CoreValue) -> ffi::WasmEdge_Value {
    // SAFETY: plain values in and out.
    unsafe {
        match value {
            CoreValue::I32(value) => ffi::WasmEdge_ValueGenI32(value),
            CoreValue::I64(value) => ffi::WasmEdge_ValueGenI64(value),
            CoreValue::F32(value) => ffi::WasmEdge_ValueGenF32(value),
            CoreValue::F64(value) => ffi::WasmEdge_ValueGenF64(value),
        }
    }
}

fn from_raw(value: ffi::WasmEdge_Value, kind: CoreType) -> CoreValue {
    // SAFETY: plain values; the type is the function's, which WasmEdge has checked.
    unsafe {
        match kind {
            CoreType::I32 => CoreValue::I32(ffi::WasmEdge_ValueGetI32(value)),
            CoreType::I64 => CoreValue::I64(ffi::WasmEdge_ValueGetI64(value)),
            CoreType::F32 => CoreValue::F32(ffi::WasmEdge_ValueGetF32(value)),
            CoreType::F64 => CoreValue::F64(ffi::WasmEdge_ValueGetF64(value)),
        }
    }
}
