//! WIT types as Rust spells them, and as WIT does.

use wit_parser::{Function, Resolve, Type, TypeDefKind, TypeId};

use super::names::camel;
use super::plan::Plan;

/// Where a type is named: at the top of the file, or in one of its modules.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    Top,
    Module(&'a str),
}

/// A type as owned Rust, as fields and results have it.
pub(crate) fn owned(plan: &Plan, ty: Type, scope: Scope<'_>) -> String {
    let Type::Id(id) = ty else {
        return primitive(ty).to_owned();
    };
    if plan.resolve.types[id].name.is_some() {
        return path(plan, id, scope);
    }
    definition(plan, id, scope)
}

/// What a type is, without its own name.
pub(crate) fn definition(plan: &Plan, id: TypeId, scope: Scope<'_>) -> String {
    let inner = |ty: Type| owned(plan, ty, scope);
    let or_unit = |ty: Option<Type>| ty.map_or_else(|| "()".to_owned(), inner);
    match &plan.resolve.types[id].kind {
        TypeDefKind::List(ty) => format!("Vec<{}>", inner(*ty)),
        TypeDefKind::Option(ty) => format!("Option<{}>", inner(*ty)),
        TypeDefKind::Result(result) => {
            format!("Result<{}, {}>", or_unit(result.ok), or_unit(result.err))
        }
        TypeDefKind::Tuple(tuple) => match tuple.types.as_slice() {
            [only] => format!("({},)", inner(*only)),
            types => {
                format!("({})", types.iter().map(|ty| inner(*ty)).collect::<Vec<_>>().join(", "))
            }
        },
        TypeDefKind::Type(ty) => inner(*ty),
        other => unreachable!("a {} is named, or was refused", other.as_str()),
    }
}

/// A type as a parameter that the callee does not keep.
pub(crate) fn borrowed(plan: &Plan, ty: Type, scope: Scope<'_>) -> String {
    match resolved(&plan.resolve, ty) {
        Type::String => "&str".to_owned(),
        Type::Id(id) => match &plan.resolve.types[id].kind {
            TypeDefKind::List(element) => format!("&[{}]", owned(plan, *element, scope)),
            TypeDefKind::Enum(_) | TypeDefKind::Flags(_) => owned(plan, ty, scope),
            _ => format!("&{}", owned(plan, ty, scope)),
        },
        _ => owned(plan, ty, scope),
    }
}

/// The path of a named type. A name that an interface only uses is spelled as where it comes from.
pub(crate) fn path(plan: &Plan, id: TypeId, scope: Scope<'_>) -> String {
    let id = origin(&plan.resolve, id);
    let definition = &plan.resolve.types[id];
    let name = camel(definition.name.as_deref().expect("only named types have a path"));
    let module = &plan.module_of(definition.owner).name;
    match scope {
        Scope::Module(here) if here == module => name,
        Scope::Module(_) => format!("super::{module}::{name}"),
        Scope::Top => format!("{module}::{name}"),
    }
}

/// The type that a `use` names in the end.
pub(crate) fn origin(resolve: &Resolve, id: TypeId) -> TypeId {
    match resolve.types[id].kind {
        TypeDefKind::Type(Type::Id(target))
            if resolve.types[target].name.is_some()
                && resolve.types[target].owner != resolve.types[id].owner =>
        {
            origin(resolve, target)
        }
        _ => id,
    }
}

/// A type behind all its other names.
pub(crate) fn resolved(resolve: &Resolve, ty: Type) -> Type {
    match ty {
        Type::Id(id) => match resolve.types[id].kind {
            TypeDefKind::Type(target) => resolved(resolve, target),
            _ => ty,
        },
        _ => ty,
    }
}

fn primitive(ty: Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::S8 => "i8",
        Type::S16 => "i16",
        Type::S32 => "i32",
        Type::S64 => "i64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Char => "char",
        Type::String => "String",
        Type::ErrorContext | Type::Id(_) => unreachable!("refused, or no primitive type"),
    }
}

/// A function as WIT spells it, for messages.
pub(crate) fn wit_function(resolve: &Resolve, function: &Function) -> String {
    let params: Vec<String> = function
        .params
        .iter()
        .map(|param| format!("{}: {}", param.name, wit_type(resolve, param.ty)))
        .collect();
    let result = function.result.map(|ty| format!(" -> {}", wit_type(resolve, ty)));
    format!("{}: func({}){}", function.name, params.join(", "), result.unwrap_or_default())
}

fn wit_type(resolve: &Resolve, ty: Type) -> String {
    let Type::Id(id) = ty else {
        return wit_primitive(ty).to_owned();
    };
    let definition = &resolve.types[id];
    if let Some(name) = &definition.name {
        return name.clone();
    }
    let inner = |ty: Type| wit_type(resolve, ty);
    match &definition.kind {
        TypeDefKind::List(ty) => format!("list<{}>", inner(*ty)),
        TypeDefKind::Option(ty) => format!("option<{}>", inner(*ty)),
        TypeDefKind::Tuple(tuple) => {
            format!(
                "tuple<{}>",
                tuple.types.iter().map(|ty| inner(*ty)).collect::<Vec<_>>().join(", ")
            )
        }
        TypeDefKind::Result(result) => match (result.ok, result.err) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", inner(ok)),
            (None, Some(err)) => format!("result<_, {}>", inner(err)),
            (Some(ok), Some(err)) => format!("result<{}, {}>", inner(ok), inner(err)),
        },
        other => other.as_str().to_owned(),
    }
}

fn wit_primitive(ty: Type) -> &'static str {
    match ty {
        Type::S8 => "s8",
        Type::S16 => "s16",
        Type::S32 => "s32",
        Type::S64 => "s64",
        Type::String => "string",
        other => primitive(other),
    }
}
