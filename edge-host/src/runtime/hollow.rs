//! Takes the bytecode out of a shared object of AOT code.
//!
//! WasmEdge puts the whole module into the object it compiles, and at every start copies and walks
//! it. From code that is compiled it reads the types, the imports and the data, and skips the
//! bodies of the functions (`Loader::loadSegment` of `lib/loader/ast/segment.cpp`, 0.14.1): they
//! may as well be empty, and what that leaves over is cut out of the file.

use std::{borrow::Cow, ops::Range};

use object::{Object, ObjectSegment, ObjectSymbol};
use wasmparser::{Parser, Payload};

use super::{Error, cut::cut, stamp::write_leb128};

/// The names under which WasmEdge finds the module in the object, and how many bytes it has.
const MODULE: &str = "wasm.code";
const MODULE_BYTES: &str = "wasm.size";
/// A body of two bytes: no locals, `end`.
const EMPTY_BODY: [u8; 3] = [2, 0, 0x0b];
const CODE_SECTION: u8 = 10;

/// The shared object that WasmEdge has just made, without the bodies of its module's functions.
pub(super) fn hollow(mut object: Vec<u8>) -> Result<Vec<u8>, Error> {
    let (module, size) = places(&object)
        .ok_or_else(|| Error::Compile(format!("the shared object has no {MODULE}")))?;
    let hollow = hollow_module(&object[module.clone()])
        .map_err(|error| Error::Compile(format!("{MODULE} is no module: {error}")))?;
    let bytes = u32::try_from(hollow.len()).ok().filter(|_| hollow.len() <= module.len());
    let bytes = bytes.ok_or_else(|| Error::Compile(format!("{MODULE} has grown")))?;
    object[size].copy_from_slice(&bytes.to_le_bytes());
    let unused = module.start + hollow.len()..module.end;
    object[module.start..unused.start].copy_from_slice(&hollow);
    object[unused.clone()].fill(0);
    Ok(cut(object, &unused))
}

/// Where in the file the module is, and its size, which has four bytes.
fn places(object: &[u8]) -> Option<(Range<usize>, Range<usize>)> {
    let file = object::File::parse(object).ok()?;
    let place = |name: &str| {
        let symbol = file.dynamic_symbols().find(|symbol| symbol.name() == Ok(name))?;
        let behind = |segment: &object::Segment<'_, '_>| {
            symbol.address().checked_sub(segment.address()).filter(|at| *at < segment.size())
        };
        let (segment, at) = file
            .segments()
            .find_map(|segment| Some((segment.file_range().0, behind(&segment)?)))?;
        let start = usize::try_from(segment + at).ok()?;
        let range = start..start.checked_add(usize::try_from(symbol.size()).ok()?)?;
        object.get(range.clone()).map(|_| range)
    };
    Some((place(MODULE)?, place(MODULE_BYTES).filter(|size| size.len() == 4)?))
}

/// The module with empty functions, and without custom sections.
fn hollow_module(module: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut hollow = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let (id, content): (u8, Cow<'_, [u8]>) = match payload? {
            Payload::Version { range, .. } => {
                hollow.extend_from_slice(&module[range]);
                continue;
            }
            Payload::CodeSectionStart { count, .. } => {
                let mut bodies = Vec::new();
                write_leb128(&mut bodies, count as usize);
                for _ in 0..count {
                    bodies.extend_from_slice(&EMPTY_BODY);
                }
                (CODE_SECTION, bodies.into())
            }
            Payload::CustomSection(_) => continue,
            other => match other.as_section() {
                Some((id, range)) => (id, module[range].into()),
                // A body within the section of the code, or the end.
                None => continue,
            },
        };
        hollow.push(id);
        write_leb128(&mut hollow, content.len());
        hollow.extend_from_slice(&content);
    }
    Ok(hollow)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(module (memory (export "m") 1) (func (param i32) (result i32) local.get 0)
    /// (func (export "f") nop) (data (i32.const 0) "kept"))`, and a custom section.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0\
        \x01\x09\x02\x60\x01\x7f\x01\x7f\x60\0\0\
        \x03\x03\x02\0\x01\
        \x05\x03\x01\0\x01\
        \x07\x09\x02\x01m\x02\0\x01f\0\x01\
        \x0a\x0a\x02\x04\0\x20\0\x0b\x03\0\x01\x0b\
        \x0b\x0a\x01\0\x41\0\x0b\x04kept\
        \0\x05\x04name";

    #[test]
    fn functions_are_emptied_and_the_rest_stays() {
        let hollow = hollow_module(MODULE).unwrap();
        let expected = b"\0asm\x01\0\0\0\
            \x01\x09\x02\x60\x01\x7f\x01\x7f\x60\0\0\
            \x03\x03\x02\0\x01\
            \x05\x03\x01\0\x01\
            \x07\x09\x02\x01m\x02\0\x01f\0\x01\
            \x0a\x07\x02\x02\0\x0b\x02\0\x0b\
            \x0b\x0a\x01\0\x41\0\x0b\x04kept";
        assert_eq!(hollow, expected);
    }

    #[test]
    fn what_is_no_such_object_is_told() {
        for bytes in [Vec::new(), b"\x7fELF".to_vec(), MODULE.to_vec()] {
            assert!(hollow(bytes).unwrap_err().to_string().contains("wasm.code"));
        }
        for length in 9..MODULE.len() - 7 {
            let _ = hollow_module(&MODULE[..length]);
        }
        assert!(hollow_module(&MODULE[..20]).is_err());
    }
}
