//! `rt`'s traits over WasmEdge. A host that calls often keeps functions and the memory's address
//! instead of looking them up for each call.

use std::error::Error;

use wasmedge_sys::{
    AsInstance, CallingFrame, Executor, Function, ImportModule, Instance, Loader, Store, Validator,
    WasmValue,
};
use wasmedge_types::error::{CoreError, CoreExecutionError};
use wasmedge_types::{ExternalInstanceType, FuncType, ValType, WasmEdgeResult};
use wit_bindgen_wasmedge::rt::{
    self, CoreType, CoreValue, GuestMemory, Item, ItemKind, Trap, check_exports, check_imports,
};

use crate::Phrasebook;
use crate::bindings::{EXPORTS, IMPORTS, call_import};

/// An instantiated guest. The import module and the store must outlive the instance.
pub(crate) struct Guest {
    executor: Executor,
    instance: Instance,
    _imports: ImportModule<Phrasebook>,
    _store: Store,
}

impl Guest {
    /// Loads, checks and instantiates a guest.
    pub(crate) fn load(path: &str, host: Phrasebook) -> Result<Self, Box<dyn Error>> {
        let module = Loader::create(None)?.from_file(path)?;
        Validator::create(None)?.validate(&module)?;
        check(&module)?;
        let imports = import_module(host)?;
        let mut executor = Executor::create(None, None)?;
        let mut store = Store::create()?;
        executor.register_import_module(&mut store, &imports)?;
        let instance = executor.register_active_module(&mut store, &module)?;
        Ok(Self {
            executor,
            instance,
            _imports: imports,
            _store: store,
        })
    }
}

/// Refuses a module that imports more, or exports less, than the world has.
fn check(module: &wasmedge_sys::Module) -> Result<(), Box<dyn Error>> {
    let mut mismatches = Vec::new();
    for import in module.imports() {
        let (params, results) = core_types(&import.ty()?)?;
        let kind = ItemKind::Function {
            params: &params,
            results: &results,
        };
        let item = Item {
            module: &import.module_name(),
            name: &import.name(),
            kind,
        };
        mismatches.extend(check_imports(&[item], &[IMPORTS]));
    }
    let exports = module.export();
    let mut owned = Vec::new();
    for export in &exports {
        let ty = export.ty()?;
        let types = match ty {
            ExternalInstanceType::Memory(_) => None,
            other => Some(core_types(&other)?),
        };
        owned.push((export.name(), types));
    }
    let items: Vec<Item<'_>> = owned
        .iter()
        .map(|(name, types)| {
            let kind = match types {
                None => ItemKind::Memory,
                Some((params, results)) => ItemKind::Function { params, results },
            };
            Item {
                module: "",
                name,
                kind,
            }
        })
        .collect();
    mismatches.extend(check_exports(&items, EXPORTS));
    let messages: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    if messages.is_empty() {
        Ok(())
    } else {
        Err(messages.join("\n").into())
    }
}

fn core_types(ty: &ExternalInstanceType) -> Result<(Vec<CoreType>, Vec<CoreType>), Box<dyn Error>> {
    let ExternalInstanceType::Func(function) = ty else {
        return Err("this example's guests have functions and a memory only".into());
    };
    let convert = |types: &[ValType]| {
        types
            .iter()
            .copied()
            .map(core_type)
            .collect::<Result<_, _>>()
    };
    Ok((convert(function.args())?, convert(function.returns())?))
}

fn core_type(ty: ValType) -> Result<CoreType, Box<dyn Error>> {
    match ty {
        ValType::I32 => Ok(CoreType::I32),
        ValType::I64 => Ok(CoreType::I64),
        ValType::F32 => Ok(CoreType::F32),
        ValType::F64 => Ok(CoreType::F64),
        other => Err(format!("{other:?} is not in the canonical ABI").into()),
    }
}

fn import_module(host: Phrasebook) -> WasmEdgeResult<ImportModule<Phrasebook>> {
    let signature = &IMPORTS[0];
    let mut module = ImportModule::create(signature.module, Box::new(host))?;
    let types = |types: &[CoreType]| {
        types
            .iter()
            .map(|ty| match ty {
                CoreType::I32 => ValType::I32,
                CoreType::I64 => ValType::I64,
                CoreType::F32 => ValType::F32,
                CoreType::F64 => ValType::F64,
            })
            .collect()
    };
    let function_type = FuncType::new(types(signature.params), types(signature.results));
    let host: *mut Phrasebook = module.get_host_data_mut();
    // SAFETY: the module owns the host's data, and drops its functions before it.
    #[allow(unsafe_code, reason = "WasmEdge keeps a pointer to the host's data")]
    let function = unsafe { Function::create_sync_func(&function_type, greeting, host, 0)? };
    module.add_func(signature.name, function);
    Ok(module)
}

/// The import at index 0, as WasmEdge calls it.
#[expect(clippy::needless_pass_by_value, reason = "the type is WasmEdge's")]
fn greeting(
    host: &mut Phrasebook,
    instance: &mut Instance,
    _frame: &mut CallingFrame,
    params: Vec<WasmValue>,
) -> Result<Vec<WasmValue>, CoreError> {
    let failed = CoreError::Execution(CoreExecutionError::HostFuncFailed);
    let mut executor = Executor::create(None, None).map_err(|_| failed.clone())?;
    let mut memory = Memory {
        executor: &mut executor,
        instance,
    };
    let params: Vec<CoreValue> = params.iter().map(lift).collect();
    call_import(host, &mut memory, 0, &params, &mut []).map_err(|error| {
        eprintln!("{error}");
        failed
    })?;
    Ok(Vec::new())
}

/// What a guest's memory needs while an import of it runs.
struct Memory<'a> {
    executor: &'a mut Executor,
    instance: &'a mut Instance,
}

impl GuestMemory for Memory<'_> {
    fn bytes(&mut self) -> &mut [u8] {
        bytes(self.instance)
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        realloc(self.executor, self.instance, size, align)
    }
}

impl GuestMemory for Guest {
    fn bytes(&mut self) -> &mut [u8] {
        bytes(&mut self.instance)
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        realloc(&mut self.executor, &mut self.instance, size, align)
    }
}

impl rt::Instance for Guest {
    fn call(
        &mut self,
        export: usize,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        let name = EXPORTS[export].name;
        let answers = call(&mut self.executor, &mut self.instance, name, params)?;
        for (result, answer) in results.iter_mut().zip(&answers) {
            *result = lift(answer);
        }
        Ok(())
    }

    fn has_export(&self, export: usize) -> bool {
        self.instance.get_func(EXPORTS[export].name).is_ok()
    }
}

fn bytes(instance: &mut Instance) -> &mut [u8] {
    let Ok(memory) = instance.get_memory_mut("memory") else {
        return &mut [];
    };
    let length = memory.size() as usize * 65_536;
    let Some(bytes) = memory.mut_slice::<u8>(0, length) else {
        return &mut [];
    };
    let start = bytes.as_mut_ptr();
    // SAFETY: the memory is the instance's, which stays borrowed as long as the bytes are, and only
    // guest code, which needs the instance too, can move or grow it.
    #[allow(
        unsafe_code,
        reason = "WasmEdge lends the bytes from a temporary handle"
    )]
    unsafe {
        std::slice::from_raw_parts_mut(start, length)
    }
}

/// The example's guest calls no import from here; a host of guests it does not trust traps those
/// that do (see `GuestMemory::realloc`).
fn realloc(
    executor: &mut Executor,
    instance: &mut Instance,
    size: u32,
    align: u32,
) -> Result<u32, Trap> {
    let params = [0, 0, align, size].map(|value| CoreValue::I32(value.cast_signed()));
    let results = call(executor, instance, "cabi_realloc", &params)?;
    Ok(results[0].to_i32().cast_unsigned())
}

fn call(
    executor: &mut Executor,
    instance: &mut Instance,
    export: &str,
    params: &[CoreValue],
) -> Result<Vec<WasmValue>, Trap> {
    let function = instance.get_func_mut(export);
    let mut function = function.map_err(|error| Trap::new(error.to_string()))?;
    let results = executor.call_func(&mut function, params.iter().map(lower));
    results.map_err(|error| Trap::new(error.to_string()))
}

fn lift(value: &WasmValue) -> CoreValue {
    match value.ty() {
        ValType::I64 => CoreValue::I64(value.to_i64()),
        ValType::F32 => CoreValue::F32(value.to_f32()),
        ValType::F64 => CoreValue::F64(value.to_f64()),
        _ => CoreValue::I32(value.to_i32()),
    }
}

fn lower(value: &CoreValue) -> WasmValue {
    match *value {
        CoreValue::I32(value) => WasmValue::from_i32(value),
        CoreValue::I64(value) => WasmValue::from_i64(value),
        CoreValue::F32(value) => WasmValue::from_f32(value),
        CoreValue::F64(value) => WasmValue::from_f64(value),
    }
}
