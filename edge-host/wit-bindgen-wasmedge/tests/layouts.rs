//! Layouts that Rust's types compute agree with those that wit-parser computes.

mod support;

use std::fmt::Write as _;

use support::kinds::shapes;
use wit_bindgen_wasmedge::rt::{Abi, CoreType, FlatTypes};
use wit_parser::abi::{FlatTypes as WitFlatTypes, WasmType};
use wit_parser::{Resolve, SizeAlign, Type, TypeDefKind};

#[derive(Debug, PartialEq)]
struct Layout {
    size: usize,
    align: usize,
    flat: Option<Vec<CoreType>>,
}

fn of_rust<T: Abi>() -> Layout {
    let flat: FlatTypes = T::FLAT;
    let types = flat.fits(16).then(|| flat.types().to_vec());
    Layout { size: T::SIZE, align: T::ALIGN, flat: types }
}

/// A record whose fields are of these types, as wit-parser lays each of them out.
fn of_wit(types: &[&str]) -> Vec<Layout> {
    let mut wit = "package a:b; interface i { record r { ".to_owned();
    for (index, ty) in types.iter().enumerate() {
        write!(wit, "field{index}: {ty}, ").unwrap();
    }
    wit.push_str("} }");
    let mut resolve = Resolve::default();
    resolve.push_source("layouts.wit", &wit).unwrap();
    let mut sizes = SizeAlign::default();
    sizes.fill(&resolve);
    let record = resolve.types.iter().find_map(|(_, definition)| match &definition.kind {
        TypeDefKind::Record(record) => Some(record),
        _ => None,
    });
    let fields = &record.unwrap().fields;
    fields.iter().map(|field| layout(&resolve, &sizes, field.ty)).collect()
}

fn layout(resolve: &Resolve, sizes: &SizeAlign, ty: Type) -> Layout {
    let mut storage = [WasmType::I32; 16];
    let mut flat = WitFlatTypes::new(&mut storage);
    let types = resolve.push_flat(&ty, &mut flat).then(|| flat.to_vec());
    Layout {
        size: sizes.size(&ty).size_wasm32(),
        align: sizes.align(&ty).align_wasm32(),
        flat: types.map(|types| types.into_iter().map(core_type).collect()),
    }
}

fn core_type(ty: WasmType) -> CoreType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => CoreType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => CoreType::I64,
        WasmType::F32 => CoreType::F32,
        WasmType::F64 => CoreType::F64,
    }
}

macro_rules! check {
    ($($wit:literal is $rust:ty;)*) => {
        let wit = of_wit(&[$($wit),*]);
        let rust = [$(of_rust::<$rust>()),*];
        for ((name, wit), rust) in [$($wit),*].into_iter().zip(wit).zip(rust) {
            assert_eq!(rust, wit, "{name}");
        }
    };
}

#[test]
fn layouts_of_rust_types_are_those_of_wit_types() {
    check! {
        "bool" is bool;
        "u8" is u8;
        "s8" is i8;
        "u16" is u16;
        "s16" is i16;
        "u32" is u32;
        "s32" is i32;
        "u64" is u64;
        "s64" is i64;
        "f32" is f32;
        "f64" is f64;
        "char" is char;
        "string" is String;
        "list<u64>" is Vec<u64>;
        "option<u8>" is Option<u8>;
        "option<u64>" is Option<u64>;
        "option<option<u16>>" is Option<Option<u16>>;
        "option<string>" is Option<String>;
        "option<tuple<u8, u16, u8>>" is Option<(u8, u16, u8)>;
        "result" is Result<(), ()>;
        "result<u8>" is Result<u8, ()>;
        "result<_, f64>" is Result<(), f64>;
        "result<u32, f32>" is Result<u32, f32>;
        "result<f32, u32>" is Result<f32, u32>;
        "result<f32, f32>" is Result<f32, f32>;
        "result<f64, f32>" is Result<f64, f32>;
        "result<f64, f64>" is Result<f64, f64>;
        "result<string, f64>" is Result<String, f64>;
        "result<tuple<u8, u64>, tuple<f32, f32, f32>>" is Result<(u8, u64), (f32, f32, f32)>;
        "result<list<u8>, result<u64, string>>" is Result<Vec<u8>, Result<u64, String>>;
        "tuple<u8>" is (u8,);
        "tuple<u8, u64, u8>" is (u8, u64, u8);
        "tuple<u16, tuple<u8, u32>, char>" is (u16, (u8, u32), char);
        "tuple<string, string, string, string, string, string, string, string>"
            is (String, String, String, String, String, String, String, String);
        "tuple<string, string, string, string, string, string, string, string, u8>"
            is (String, String, String, String, String, String, String, String, u8);
        "option<tuple<string, string, string, string, string, string, string, string>>"
            is Option<(String, String, String, String, String, String, String, String)>;
        "result<tuple<string, string, string, string, string, string, string, string>, f64>"
            is Result<(String, String, String, String, String, String, String, String), f64>;
    }
}

type Pair = (u8, u64, String);

/// The fields of `entry`, in order.
type Fields = (
    u64,
    bool,
    char,
    String,
    Vec<u8>,
    Vec<Vec<String>>,
    Option<Option<u16>>,
    Pair,
    Result<Vec<i16>, String>,
    Result<(), ()>,
);

/// What the generator wrote, against what the same fields are as a tuple.
#[test]
fn generated_records_are_laid_out_as_their_fields() {
    assert_eq!(
        of_rust::<shapes::Numbers>(),
        of_rust::<(u8, i8, u16, i16, u32, i32, u64, i64, f32, f64)>(),
    );
    assert_eq!(of_rust::<shapes::Entry>(), of_rust::<Fields>());
}
