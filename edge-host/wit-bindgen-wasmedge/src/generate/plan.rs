//! What a world consists of, with every Rust name decided.

use wit_parser::{
    Function, InterfaceId, Resolve, SizeAlign, TypeId, TypeOwner, WorldId, WorldItem, WorldKey,
};

use super::names::{Taken, camel, snake};
use super::type_names::origin;
use super::{GenerateError, Generator, refuse};

/// A world, ready to be written.
pub(crate) struct Plan {
    pub(crate) resolve: Resolve,
    pub(crate) sizes: SizeAlign,
    pub(crate) world: WorldId,
    /// The struct with the typed exports.
    pub(crate) world_type: String,
    /// In the order the world names them, imports first.
    pub(crate) modules: Vec<Module>,
    /// One for each interface with functions that is imported.
    pub(crate) imports: Vec<Imported>,
    /// Every function that is exported, in order.
    pub(crate) exports: Vec<Exported>,
    pub(crate) additional_derives: Vec<String>,
}

/// A module with the types of one interface, or of the world itself.
pub(crate) struct Module {
    pub(crate) owner: TypeOwner,
    pub(crate) name: String,
    pub(crate) wit: String,
    pub(crate) docs: Option<String>,
    /// Those defined here.
    pub(crate) types: Vec<TypeId>,
}

/// An imported interface: a trait.
pub(crate) struct Imported {
    pub(crate) trait_name: String,
    pub(crate) docs: Option<String>,
    pub(crate) wit: String,
    /// `None`: functions the world itself imports.
    pub(crate) key: Option<WorldKey>,
    pub(crate) functions: Vec<Function>,
}

/// An exported function: a method.
pub(crate) struct Exported {
    pub(crate) method: String,
    pub(crate) wit: String,
    pub(crate) key: Option<WorldKey>,
    pub(crate) function: Function,
}

/// Methods of the world's struct that are not the guest's.
const METHODS: &[&str] = &["new", "instance_mut", "into_instance"];
/// What the generated file names at its top.
const ITEMS: &[&str] =
    &["rt", "LIFTED_BYTES_MAX", "IMPORTS", "EXPORTS", "call_import", "export_call"];

impl Plan {
    pub(crate) fn new(
        resolve: Resolve,
        world: WorldId,
        generator: &Generator,
    ) -> Result<Self, GenerateError> {
        refuse::unsupported(&resolve, world)?;
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let modules = modules(&resolve, world);
        let plan = Self {
            world_type: camel(&resolve.worlds[world].name),
            imports: imports(&resolve, world),
            exports: exports(&resolve, world),
            modules,
            resolve,
            sizes,
            world,
            additional_derives: generator.additional_derives.clone(),
        };
        plan.check_names()?;
        Ok(plan)
    }

    /// The module an interface's or the world's types are in.
    pub(crate) fn module_of(&self, owner: TypeOwner) -> &Module {
        let module = self.modules.iter().find(|module| module.owner == owner);
        module.expect("a world names every interface that its types come from")
    }

    fn check_names(&self) -> Result<(), GenerateError> {
        let mut items = Taken::default();
        for item in ITEMS {
            items.take(item, "the generated code")?;
        }
        items.take(&self.world_type, &format!("world {}", self.resolve.worlds[self.world].name))?;
        for module in &self.modules {
            items.take(&module.name, &module.wit)?;
        }
        for imported in &self.imports {
            items.take(&imported.trait_name, &imported.wit)?;
            let mut functions = Taken::default();
            for function in &imported.functions {
                let wit = format!("{} {}", imported.wit, function.name);
                functions.take(&snake(&function.name), &wit)?;
            }
        }
        let mut methods = Taken::default();
        for method in METHODS {
            methods.take(method, "the generated code")?;
        }
        for exported in &self.exports {
            let wit = format!("{} {}", exported.wit, exported.function.name);
            methods.take(&exported.method, &wit)?;
        }
        Ok(())
    }
}

/// The interfaces of the world, each once, imports first; and the world where it has types.
fn modules(resolve: &Resolve, world: WorldId) -> Vec<Module> {
    let items = &resolve.worlds[world];
    let mut interfaces: Vec<(InterfaceId, String)> = Vec::new();
    for (key, item) in items.imports.iter().chain(&items.exports) {
        let WorldItem::Interface { id, .. } = item else { continue };
        if interfaces.iter().all(|(seen, _)| seen != id) {
            interfaces.push((*id, resolve.name_world_key(key)));
        }
    }
    let names = module_names(resolve, &interfaces);
    let mut modules: Vec<Module> = Vec::new();
    for ((id, wit), name) in interfaces.into_iter().zip(names) {
        let interface = &resolve.interfaces[id];
        modules.push(Module {
            owner: TypeOwner::Interface(id),
            name: snake(&name),
            wit,
            docs: interface.docs.contents.clone(),
            types: defined(resolve, interface.types.values()),
        });
    }
    let types: Vec<TypeId> = items.imports.values().filter_map(world_type).collect();
    let types = defined(resolve, &types);
    if !types.is_empty() {
        modules.push(Module {
            owner: TypeOwner::World(world),
            name: snake(&items.name),
            wit: format!("world {}", items.name),
            docs: None,
            types,
        });
    }
    modules
}

/// The types that are defined here, not only used: those are named by where they are defined.
fn defined<'a>(resolve: &Resolve, types: impl IntoIterator<Item = &'a TypeId>) -> Vec<TypeId> {
    types.into_iter().copied().filter(|id| origin(resolve, *id) == *id).collect()
}

fn world_type(item: &WorldItem) -> Option<TypeId> {
    match item {
        WorldItem::Type { id, .. } => Some(*id),
        WorldItem::Interface { .. } | WorldItem::Function(_) => None,
    }
}

/// An interface's own name; with its package's, namespace and version before it where several
/// interfaces of the world have the same.
fn module_names(resolve: &Resolve, interfaces: &[(InterfaceId, String)]) -> Vec<String> {
    let candidates: Vec<[String; 4]> = interfaces
        .iter()
        .map(|(id, key)| {
            let interface = &resolve.interfaces[*id];
            let name = interface.name.clone().unwrap_or_else(|| key.clone());
            let Some(package) = interface.package else {
                return [const { String::new() }; 4];
            };
            let package = &resolve.packages[package].name;
            let in_package = format!("{}-{name}", package.name);
            let in_namespace = format!("{}-{in_package}", package.namespace);
            let version = package.version.as_ref().map_or(String::new(), ToString::to_string);
            let versioned = format!("{in_namespace}-{}", version.replace(['.', '+'], "-"));
            [name, in_package, in_namespace, versioned]
        })
        .collect();
    let unique = |level: usize, name: &String| {
        candidates.iter().filter(|candidate| candidate[level] == *name).count() == 1
    };
    candidates
        .iter()
        .map(|names| {
            let level = (0..names.len()).find(|level| unique(*level, &names[*level]));
            names[level.unwrap_or(0)].clone()
        })
        .collect()
}

fn imports(resolve: &Resolve, world: WorldId) -> Vec<Imported> {
    let items = &resolve.worlds[world];
    let world_camel = camel(&items.name);
    let mut imports = Vec::new();
    let mut own = Vec::new();
    for (key, item) in &items.imports {
        match item {
            WorldItem::Interface { id, .. } => {
                let interface = &resolve.interfaces[*id];
                if interface.functions.is_empty() {
                    continue;
                }
                let name = camel(&interface_name(resolve, world, *id, key));
                imports.push(Imported {
                    trait_name: if name == world_camel { format!("{name}Imports") } else { name },
                    docs: interface.docs.contents.clone(),
                    wit: resolve.name_world_key(key),
                    key: Some(key.clone()),
                    functions: interface.functions.values().cloned().collect(),
                });
            }
            WorldItem::Function(function) => own.push(function.clone()),
            WorldItem::Type { .. } => {}
        }
    }
    if !own.is_empty() {
        imports.push(Imported {
            trait_name: format!("{world_camel}Imports"),
            docs: Some("The functions the world itself imports.".to_owned()),
            wit: format!("world {}", items.name),
            key: None,
            functions: own,
        });
    }
    imports
}

/// The name of an imported interface's trait: that of its module, or the name it is imported by.
fn interface_name(resolve: &Resolve, world: WorldId, id: InterfaceId, key: &WorldKey) -> String {
    if let WorldKey::Name(name) = key {
        return name.clone();
    }
    let owner = TypeOwner::Interface(id);
    let modules = modules(resolve, world);
    let module = modules.into_iter().find(|module| module.owner == owner);
    let module = module.expect("every interface of a world has a module");
    module.name.trim_start_matches("r#").replace('_', "-")
}

fn exports(resolve: &Resolve, world: WorldId) -> Vec<Exported> {
    let items = &resolve.worlds[world];
    let mut exports = Vec::new();
    for (key, item) in &items.exports {
        match item {
            WorldItem::Interface { id, .. } => {
                let wit = resolve.name_world_key(key);
                for function in resolve.interfaces[*id].functions.values() {
                    exports.push(Exported {
                        method: snake(&function.name),
                        wit: wit.clone(),
                        key: Some(key.clone()),
                        function: function.clone(),
                    });
                }
            }
            WorldItem::Function(function) => exports.push(Exported {
                method: snake(&function.name),
                wit: format!("world {}", items.name),
                key: None,
                function: function.clone(),
            }),
            WorldItem::Type { .. } => {}
        }
    }
    prefix_clashes(resolve, &mut exports);
    exports
}

/// Where two interfaces export functions of the same name, both methods get their interface's name
/// before theirs.
fn prefix_clashes(resolve: &Resolve, exports: &mut [Exported]) {
    let methods: Vec<String> = exports.iter().map(|exported| exported.method.clone()).collect();
    for exported in exports {
        let same = methods.iter().filter(|method| **method == exported.method).count();
        let Some(key) = &exported.key else { continue };
        if same > 1 || METHODS.contains(&exported.method.as_str()) {
            let interface = match key {
                WorldKey::Name(name) => name.clone(),
                WorldKey::Interface(id) => resolve.interfaces[*id].name.clone().unwrap_or_default(),
            };
            exported.method = snake(&format!("{interface}-{}", exported.function.name));
        }
    }
}
