//! What a module imports and exports, read from its bytes before anything of it runs.

use wasmparser::{CompositeInnerType, ExternalKind, Parser, Payload, SubType, TypeRef, ValType};
use wit_bindgen_wasmedge::rt::{self, CoreType};

use super::Error;

/// The largest function, in bytes of WebAssembly.
const BODY_BYTES_MAX: usize = 256 << 10;
/// The most locals of a function.
const LOCALS_MAX: u64 = 8_192;
/// The most elements of all tables, of 16 bytes each.
const TABLE_ELEMENTS_MAX: u64 = 65_536;

/// Every import and export of a module.
#[derive(Debug, Default)]
pub struct Interface {
    /// In the order of the module.
    pub imports: Vec<Item>,
    /// In the order of the module.
    pub exports: Vec<Item>,
}

/// One import or export.
#[derive(Debug)]
pub struct Item {
    /// The module it is imported from; empty for exports.
    pub module: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ItemKind,
}

/// What an import or export is.
#[derive(Clone, Debug)]
pub enum ItemKind {
    /// A function over the number types: parameters, results.
    Function(Vec<CoreType>, Vec<CoreType>),
    /// A 32-bit linear memory that is not shared.
    Memory,
    /// Anything else, in words.
    Other(String),
}

impl Item {
    /// The item in the words of the glue's checks.
    pub fn as_rt(&self) -> rt::Item<'_> {
        let kind = match &self.kind {
            ItemKind::Function(params, results) => rt::ItemKind::Function { params, results },
            ItemKind::Memory => rt::ItemKind::Memory,
            ItemKind::Other(words) => rt::ItemKind::Other(words),
        };
        rt::Item { module: &self.module, name: &self.name, kind }
    }
}

impl Interface {
    /// Reads a core module.
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        let module = Self::read(bytes).map_err(|error| Error::Invalid(error.to_string()))?;
        match module.unfit {
            Some(what) => Err(Error::Unfit(what)),
            None => Ok(module.interface),
        }
    }

    fn read(bytes: &[u8]) -> wasmparser::Result<Partial> {
        let mut module = Partial::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        module.types.extend(group?.types().map(function_type));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        module.import(&import?);
                    }
                }
                Payload::FunctionSection(section) => {
                    for index in section {
                        let kind = module.function_of_type(index?);
                        module.functions.push(kind);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        module.memories.push(memory_kind(&memory?));
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        module.check_table(&table?.ty);
                    }
                }
                Payload::StartSection { .. } => {
                    module.unfit =
                        Some("a start function, which would run before it is checked".to_owned());
                }
                Payload::CodeSectionEntry(body) => module.check_frame(&body)?,
                Payload::ExportSection(section) => {
                    for export in section {
                        module.export(&export?);
                    }
                }
                _ => {}
            }
        }
        Ok(module)
    }
}

/// A module, as far as it was read.
#[derive(Default)]
struct Partial {
    /// Each type, where it is a function over the number types.
    types: Vec<Option<(Vec<CoreType>, Vec<CoreType>)>>,
    functions: Vec<ItemKind>,
    memories: Vec<ItemKind>,
    interface: Interface,
    /// Of all tables, as many as they may come to have.
    table_elements: u64,
    /// What the host does not run, in words.
    unfit: Option<String>,
}

impl Partial {
    /// A bigger function is refused: what its compiled code needs of the stack must fit into what
    /// `faults.rs` guards, 2 MiB. A local takes at most 16 bytes there; a byte of code spills at
    /// most some two or three.
    fn check_frame(&mut self, body: &wasmparser::FunctionBody<'_>) -> wasmparser::Result<()> {
        let bytes = body.range().len();
        let mut locals = 0_u64;
        for group in body.get_locals_reader()? {
            locals += u64::from(group?.0);
        }
        if bytes > BODY_BYTES_MAX || locals > LOCALS_MAX {
            self.unfit = Some(format!(
                "a function of {bytes} bytes with {locals} locals; {BODY_BYTES_MAX} bytes and \
                 {LOCALS_MAX} locals may be"
            ));
        }
        Ok(())
    }

    /// A table that may grow is memory that no limit counts. Compilers give tables of functions
    /// their size.
    fn check_table(&mut self, table: &wasmparser::TableType) {
        let elements = table.maximum.unwrap_or(u64::MAX);
        self.table_elements = self.table_elements.saturating_add(elements);
        if self.table_elements > TABLE_ELEMENTS_MAX {
            self.unfit = Some(format!(
                "tables that may grow beyond {TABLE_ELEMENTS_MAX} elements, or without end"
            ));
        }
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) {
        let kind = match import.ty {
            TypeRef::Func(index) => {
                let kind = self.function_of_type(index);
                self.functions.push(kind.clone());
                kind
            }
            TypeRef::Memory(memory) => {
                let kind = memory_kind(&memory);
                self.memories.push(kind.clone());
                kind
            }
            other => ItemKind::Other(format!("{other:?}")),
        };
        let (module, name) = (import.module.to_owned(), import.name.to_owned());
        self.interface.imports.push(Item { module, name, kind });
    }

    fn export(&mut self, export: &wasmparser::Export<'_>) {
        let index = export.index as usize;
        let found = match export.kind {
            ExternalKind::Func => self.functions.get(index).cloned(),
            ExternalKind::Memory => self.memories.get(index).cloned(),
            _ => None,
        };
        let kind = found.unwrap_or_else(|| ItemKind::Other(format!("{:?}", export.kind)));
        let name = export.name.to_owned();
        self.interface.exports.push(Item { module: String::new(), name, kind });
    }

    fn function_of_type(&self, index: u32) -> ItemKind {
        match self.types.get(index as usize) {
            Some(Some((params, results))) => ItemKind::Function(params.clone(), results.clone()),
            _ => ItemKind::Other("a function beyond the number types".to_owned()),
        }
    }
}

fn function_type(subtype: &SubType) -> Option<(Vec<CoreType>, Vec<CoreType>)> {
    let CompositeInnerType::Func(function) = &subtype.composite_type.inner else { return None };
    Some((core_types(function.params())?, core_types(function.results())?))
}

fn core_types(types: &[ValType]) -> Option<Vec<CoreType>> {
    types.iter().map(|kind| core_type(*kind)).collect()
}

fn core_type(kind: ValType) -> Option<CoreType> {
    match kind {
        ValType::I32 => Some(CoreType::I32),
        ValType::I64 => Some(CoreType::I64),
        ValType::F32 => Some(CoreType::F32),
        ValType::F64 => Some(CoreType::F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

fn memory_kind(memory: &wasmparser::MemoryType) -> ItemKind {
    if memory.memory64 || memory.shared {
        ItemKind::Other(format!("{memory:?}"))
    } else {
        ItemKind::Memory
    }
}
