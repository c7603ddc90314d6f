//! What a core module on a host without components cannot have: handles, streams and waiting.

use wit_parser::{
    Function, FunctionKind, Resolve, Result_, Type, TypeDefKind, TypeId, WorldId, WorldItem,
};

use super::GenerateError;
use crate::rt::TUPLE_FIELDS_MAX;

/// Refuses a world that uses something unsupported, with the first place where it does.
pub(crate) fn unsupported(resolve: &Resolve, world: WorldId) -> Result<(), GenerateError> {
    let items = &resolve.worlds[world];
    for (key, item) in items.imports.iter().chain(&items.exports) {
        match item {
            WorldItem::Interface { id, .. } => {
                let place = resolve.name_world_key(key);
                for id in resolve.interfaces[*id].types.values() {
                    check_definition(resolve, *id, &place)?;
                }
                for function in resolve.interfaces[*id].functions.values() {
                    check_function(resolve, function, &place)?;
                }
            }
            WorldItem::Function(function) => {
                check_function(resolve, function, &format!("world {}", items.name))?;
            }
            WorldItem::Type { id, .. } => {
                check_definition(resolve, *id, &format!("world {}", items.name))?;
            }
        }
    }
    Ok(())
}

fn check_function(
    resolve: &Resolve,
    function: &Function,
    place: &str,
) -> Result<(), GenerateError> {
    let place = format!("{place} {}", function.name);
    match function.kind {
        FunctionKind::Freestanding => {}
        FunctionKind::AsyncFreestanding => return Err(refusal(&place, "an async function")),
        _ => {
            return Err(refusal(&place, "a function of a resource, or one that gets or sets"));
        }
    }
    if function.params.len() > TUPLE_FIELDS_MAX {
        let what = format!("a function with more than {TUPLE_FIELDS_MAX} parameters");
        return Err(refusal(&place, &what));
    }
    let params = function.params.iter().map(|param| param.ty);
    params.chain(function.result).try_for_each(|ty| check_type(resolve, ty, &place))
}

/// A named type, and the anonymous types it is made of.
fn check_definition(resolve: &Resolve, id: TypeId, place: &str) -> Result<(), GenerateError> {
    let definition = &resolve.types[id];
    let name = definition.name.as_deref().unwrap_or("(unnamed)");
    let inner = format!("{place} {name}");
    match &definition.kind {
        TypeDefKind::Resource => Err(refusal(place, &format!("the resource type `{name}`"))),
        TypeDefKind::Record(record) => {
            record.fields.iter().try_for_each(|field| check_type(resolve, field.ty, &inner))
        }
        TypeDefKind::Variant(variant) => variant
            .cases
            .iter()
            .filter_map(|case| case.ty)
            .try_for_each(|ty| check_type(resolve, ty, &inner)),
        TypeDefKind::Flags(flags) if flags.flags.is_empty() => {
            Err(refusal(place, &format!("`{name}`, flags without a flag,")))
        }
        TypeDefKind::Flags(_) | TypeDefKind::Enum(_) => Ok(()),
        _ => check_anonymous(resolve, id, &inner),
    }
}

/// A type as it is used. Named types are checked where they are defined.
fn check_type(resolve: &Resolve, ty: Type, place: &str) -> Result<(), GenerateError> {
    match ty {
        Type::Id(id) if resolve.types[id].name.is_none() => check_anonymous(resolve, id, place),
        Type::ErrorContext => Err(refusal(place, "an error-context")),
        _ => Ok(()),
    }
}

fn check_anonymous(resolve: &Resolve, id: TypeId, place: &str) -> Result<(), GenerateError> {
    match &resolve.types[id].kind {
        TypeDefKind::Type(ty) | TypeDefKind::Option(ty) | TypeDefKind::List(ty) => {
            check_type(resolve, *ty, place)
        }
        TypeDefKind::Result(Result_ { ok, err }) => {
            ok.iter().chain(err).try_for_each(|ty| check_type(resolve, *ty, place))
        }
        TypeDefKind::Tuple(tuple) if tuple.types.len() > TUPLE_FIELDS_MAX => {
            let what = format!("a tuple of more than {TUPLE_FIELDS_MAX} types");
            Err(refusal(place, &what))
        }
        TypeDefKind::Tuple(tuple) => {
            tuple.types.iter().try_for_each(|ty| check_type(resolve, *ty, place))
        }
        TypeDefKind::Handle(_) => Err(refusal(place, "a handle to a resource")),
        other => Err(refusal(place, &format!("a {}", other.as_str()))),
    }
}

fn refusal(place: &str, what: &str) -> GenerateError {
    GenerateError::Unsupported { place: place.to_owned(), what: what.to_owned() }
}
