//! The bindings of `kinds.wit`, and guests made of nothing but a vector of bytes.

#![allow(clippy::incompatible_msrv)] // tests are built by the newer compiler
#![allow(dead_code, reason = "each test uses a part")]

use wit_bindgen_wasmedge::rt::{CoreType, CoreValue, GuestMemory, Instance, Trap};

/// What the generator makes of `kinds.wit`; `generator.rs` keeps it so.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated")]
pub mod kinds {
    include!("../golden/kinds.rs");
}

pub(crate) mod values;

use kinds::{Echo, KindsImports, shapes};

/// A memory whose every allocation moves it, so that nothing may be kept across one.
#[derive(Debug)]
pub(crate) struct FakeMemory {
    pub(crate) bytes: Vec<u8>,
    pub(crate) allocations: usize,
}

/// Where the fake guest lets results be written, as a real guest's static return area.
pub(crate) const RETURN_AREA: u32 = 64;
const HEAP: usize = 1024;

impl FakeMemory {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0xa5; HEAP], allocations: 0 }
    }

    pub(crate) fn with(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), allocations: 0 }
    }
}

impl GuestMemory for FakeMemory {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        assert_ne!(size, 0, "nothing is asked for where nothing is stored");
        let pointer = self.bytes.len().next_multiple_of(align as usize);
        let mut moved = vec![0xa5; pointer + size as usize];
        moved[..self.bytes.len()].copy_from_slice(&self.bytes);
        self.bytes = moved;
        self.allocations += 1;
        u32::try_from(pointer).map_err(|_| Trap::new("out of memory"))
    }
}

/// A host that answers what it was given.
#[derive(Debug, Default)]
pub(crate) struct EchoHost {
    pub(crate) logged: Vec<(String, Vec<u8>)>,
}

type Three = (shapes::Eight, shapes::Nine, shapes::ThirtyTwo);

impl Echo for EchoHost {
    fn echo_numbers(&mut self, value: shapes::Numbers) -> shapes::Numbers {
        value
    }
    fn echo_entries(&mut self, value: Vec<shapes::Entry>) -> Vec<shapes::Entry> {
        value
    }
    fn echo_joined(&mut self, value: shapes::Joined) -> shapes::Joined {
        value
    }
    fn echo_joined_list(&mut self, value: Vec<shapes::Joined>) -> Vec<shapes::Joined> {
        value
    }
    fn echo_color(&mut self, value: shapes::Color) -> shapes::Color {
        value
    }
    fn echo_flags(
        &mut self,
        eight: shapes::Eight,
        nine: shapes::Nine,
        word: shapes::ThirtyTwo,
    ) -> Three {
        (eight, nine, word)
    }
    fn echo_u32(&mut self, value: u32) -> u32 {
        value
    }
    fn echo_u64(&mut self, value: u64) -> u64 {
        value
    }
    fn echo_f32(&mut self, value: f32) -> f32 {
        value
    }
    fn echo_f64(&mut self, value: f64) -> f64 {
        value
    }
    fn echo_char(&mut self, value: char) -> char {
        value
    }
    fn echo_entry(
        &mut self,
        value: shapes::Entry,
        color: shapes::Color,
    ) -> (shapes::Entry, shapes::Color) {
        (value, color)
    }
    fn nothing(&mut self) {}
}

impl KindsImports for EchoHost {
    fn log(&mut self, memory: String, import: Vec<u8>) {
        self.logged.push((memory, import));
    }
}

/// A guest whose exports pass their core parameters on to the import of the same name, and answer
/// what that wrote: values cross the boundary four times.
#[derive(Debug)]
pub(crate) struct EchoGuest {
    pub(crate) memory: FakeMemory,
    pub(crate) host: EchoHost,
    pub(crate) post_returns: Vec<&'static str>,
    pub(crate) has_post_returns: bool,
}

impl EchoGuest {
    pub(crate) fn new() -> Self {
        Self {
            memory: FakeMemory::new(),
            host: EchoHost::default(),
            post_returns: Vec::new(),
            has_post_returns: true,
        }
    }

    fn call_import(
        &mut self,
        import: usize,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        kinds::call_import(&mut self.host, &mut self.memory, import, params, results)
            .map_err(|error| Trap::new(error.to_string()))
    }
}

impl GuestMemory for EchoGuest {
    fn bytes(&mut self) -> &mut [u8] {
        self.memory.bytes()
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        self.memory.realloc(size, align)
    }
}

impl Instance for EchoGuest {
    fn call(
        &mut self,
        export: usize,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        let export = &kinds::EXPORTS[export];
        if export.name.starts_with("cabi_post_") {
            assert_eq!(params.len(), export.params.len());
            self.post_returns.push(export.name);
            return Ok(());
        }
        let (_, function) = export.name.split_once('#').unwrap();
        let import = kinds::IMPORTS.iter().position(|import| import.name == function).unwrap();
        let signature = &kinds::IMPORTS[import];
        if signature.results.len() == results.len() {
            return self.call_import(import, params, results);
        }
        let mut with_return_area = params.to_vec();
        with_return_area.push(CoreValue::I32(RETURN_AREA.cast_signed()));
        self.call_import(import, &with_return_area, &mut [])?;
        results[0] = CoreValue::I32(RETURN_AREA.cast_signed());
        Ok(())
    }

    fn has_export(&self, export: usize) -> bool {
        assert!(kinds::EXPORTS[export].name.starts_with("cabi_post_"));
        self.has_post_returns
    }
}

/// A core value of a type, from any bits.
pub(crate) fn core_value(core_type: CoreType, bits: u64) -> CoreValue {
    match core_type {
        CoreType::I32 => CoreValue::I32(low_half(bits).cast_signed()),
        CoreType::I64 => CoreValue::I64(bits.cast_signed()),
        CoreType::F32 => CoreValue::F32(f32::from_bits(low_half(bits))),
        CoreType::F64 => CoreValue::F64(f64::from_bits(bits)),
    }
}

pub(crate) fn low_half(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).unwrap()
}
