//! Whatever a guest does, the host gets an answer or an error: it never panics, and never reads or
//! writes outside the guest's memory.

#![allow(clippy::incompatible_msrv)] // tests are built by the newer compiler

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::kinds::shapes::{Entry, Numbers};
use support::kinds::{EXPORTS, IMPORTS, Kinds, LIFTED_BYTES_MAX, call_import};
use support::{EchoHost, FakeMemory, core_value, low_half};
use wit_bindgen_wasmedge::rt::{
    Abi, AbiErrorKind, CallError, CoreType, CoreValue, GuestMemory, Instance, Lift, Source, Trap,
};

/// A guest whose memory, answers and allocations are anything at all.
#[derive(Debug)]
struct HostileGuest {
    bytes: Vec<u8>,
    answers: Vec<u64>,
    next: usize,
}

impl HostileGuest {
    fn new(bytes: Vec<u8>, answers: Vec<u64>) -> Self {
        Self { bytes, answers, next: 0 }
    }

    fn answer(&mut self) -> u64 {
        self.next += 1;
        self.answers[self.next % self.answers.len()]
    }
}

impl GuestMemory for HostileGuest {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn realloc(&mut self, _size: u32, _align: u32) -> Result<u32, Trap> {
        match self.answer() {
            trap if trap.is_multiple_of(7) => Err(Trap::new("unreachable")),
            grow if grow.is_multiple_of(5) => {
                self.bytes.resize(self.bytes.len() + 1024, 0xff);
                Ok(low_half(grow))
            }
            pointer => Ok(low_half(pointer)),
        }
    }
}

impl Instance for HostileGuest {
    fn call(
        &mut self,
        export: usize,
        _params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        for (result, core_type) in results.iter_mut().zip(EXPORTS[export].results) {
            *result = core_value(*core_type, self.answer());
        }
        Ok(())
    }

    fn has_export(&self, _export: usize) -> bool {
        true
    }
}

/// Bytes of which many are small, so that they make pointers, lengths and cases that nearly fit.
fn memory() -> impl Strategy<Value = Vec<u8>> {
    let words = prop_oneof![4 => 0..600_u32, 2 => 0..4_u32, 1 => any::<u32>()];
    vec(words, 0..200).prop_map(|words| words.into_iter().flat_map(u32::to_le_bytes).collect())
}

fn answers() -> impl Strategy<Value = Vec<u64>> {
    vec(
        prop_oneof![4 => 0..100_u64, 2 => (0..100_u64).prop_map(|n| n * 8), 1 => any::<u64>()],
        1..20,
    )
}

fn sample() -> Entry {
    Entry {
        id: 1,
        r#type: true,
        self_: 'x',
        name: "name".to_owned(),
        bytes: vec![1, 2, 3],
        nested: vec![vec!["inner".to_owned()]],
        maybe: Some(Some(1)),
        pair: (1, 2, "pair".to_owned()),
        outcome: Err("outcome".to_owned()),
        nothing: Err(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_call_of_an_import_is_answered(
        bytes in memory(),
        import in 0..IMPORTS.len() + 1,
        answers in answers(),
    ) {
        let types = IMPORTS.get(import).map_or(&[][..], |signature| signature.params);
        let values = types.iter().zip(answers.iter().cycle());
        let params: Vec<CoreValue> =
            values.map(|(core_type, bits)| core_value(*core_type, *bits)).collect();
        let results_count = IMPORTS.get(import).map_or(0, |signature| signature.results.len());
        let mut results = vec![CoreValue::I32(0); results_count];
        let mut guest = HostileGuest::new(bytes, answers);
        let mut host = EchoHost::default();
        let _ = call_import(&mut host, &mut guest, import, &params, &mut results);
    }

    #[test]
    fn any_answer_of_an_export_is_lifted_or_refused(bytes in memory(), answers in answers()) {
        let mut guest = Kinds::new(HostileGuest::new(bytes, answers));
        let entry = sample();
        let _ = guest.echo_entries(&[entry.clone(), entry.clone()]);
        let _ = guest.echo_entry(&entry, support::kinds::shapes::Color::Green);
        let _ = guest.echo_joined_list(&[]);
        let _ = guest.echo_color(support::kinds::shapes::Color::Red);
        let _ = guest.echo_char('x');
        let _ = guest.also_nothing();
        let _ = guest.run(&[1, 2, 3]);
    }

    #[test]
    fn any_bytes_are_lifted_or_refused(bytes in memory(), at in 0..900_usize) {
        let _ = Vec::<Entry>::load(&mut Source::new(&bytes, LIFTED_BYTES_MAX), at);
        let _ = Entry::load(&mut Source::new(&bytes, LIFTED_BYTES_MAX), at);
    }
}

/// Calls `echo-entries` with a pointer and a length.
fn echo_entries(memory: &mut FakeMemory, pointer: u32, length: u32) -> Result<(), CallError> {
    let import = IMPORTS.iter().position(|import| import.name == "echo-entries").unwrap();
    let params = [pointer, length, 0].map(|value| CoreValue::I32(value.cast_signed()));
    call_import(&mut EchoHost::default(), memory, import, &params, &mut [])
}

fn kind(result: Result<(), CallError>) -> AbiErrorKind {
    match result.expect_err("the call is refused") {
        CallError::Abi(error) => error.kind().clone(),
        CallError::Trap(trap) => panic!("trapped: {trap}"),
    }
}

#[test]
fn a_list_that_ends_where_memory_ends_is_read_and_one_that_ends_after_is_not() {
    let bytes = vec![0; 10 * Entry::SIZE];
    let length = bytes.len() as u64;
    assert_eq!(echo_entries(&mut FakeMemory::with(&bytes), 0, 10), Ok(()));
    let found = kind(echo_entries(&mut FakeMemory::with(&bytes), 8, 10));
    assert_eq!(found, AbiErrorKind::OutOfBounds { address: 8, bytes: length, memory: length });
}

#[test]
fn lengths_that_overflow_are_out_of_bounds() {
    let mut memory = FakeMemory::new();
    for (pointer, length) in [(0, u32::MAX), (u32::MAX - 7, 1), (8, u32::MAX / 2), (1024, 1)] {
        let found = kind(echo_entries(&mut memory, pointer, length));
        assert!(matches!(found, AbiErrorKind::OutOfBounds { .. }), "{pointer} {length}: {found:?}");
    }
}

#[test]
fn misaligned_pointers_are_refused_also_for_empty_lists() {
    let mut memory = FakeMemory::new();
    let found = kind(echo_entries(&mut memory, 4, 0));
    assert_eq!(found, AbiErrorKind::Misaligned { address: 4, align: 8 });
}

#[test]
fn an_empty_list_is_never_dereferenced() {
    let mut memory = FakeMemory::with(&[0; 16]);
    assert_eq!(echo_entries(&mut memory, 16, 0), Ok(()));
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_place() {
    let import = IMPORTS.iter().position(|import| import.name == "log").unwrap();
    let mut memory = FakeMemory::with(b"ab\xff");
    let params = [0, 3, 0, 0].map(CoreValue::I32);
    let result = call_import(&mut EchoHost::default(), &mut memory, import, &params, &mut []);
    let expected = "the guest broke the canonical ABI: log: the string is not UTF-8 after its \
                    first 2 bytes";
    assert_eq!(result.unwrap_err().to_string(), expected);
}

#[test]
fn a_small_memory_cannot_describe_a_huge_value() {
    // A list of lists that all are the same list of strings, all of which are empty.
    let mut bytes = vec![0_u8; 8 * 8_192];
    for (index, word) in bytes.chunks_exact_mut(8).enumerate() {
        let inner = if index < 4_096 { (8 * 4_096_u32, 4_096_u32) } else { (0, 0) };
        word[..4].copy_from_slice(&inner.0.to_le_bytes());
        word[4..].copy_from_slice(&inner.1.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    bytes.extend(4_096_u32.to_le_bytes());
    let mut source = Source::new(&bytes, LIFTED_BYTES_MAX);
    let lifted = Vec::<Vec<String>>::load(&mut source, 8 * 8_192);
    let bytes_max = LIFTED_BYTES_MAX as u64;
    assert_eq!(lifted.unwrap_err().kind(), &AbiErrorKind::TooMuchLifted { bytes_max });
}

#[test]
fn core_values_that_differ_from_the_signature_are_refused() {
    let mut host = EchoHost::default();
    let mut memory = FakeMemory::new();
    let import = IMPORTS.iter().position(|import| import.name == "echo-u32").unwrap();
    let mut call = |params: &[CoreValue], results: &mut [CoreValue]| {
        kind(call_import(&mut host, &mut memory, import, params, results))
    };
    let one = &mut [CoreValue::I32(0)];
    assert_eq!(call(&[], one), AbiErrorKind::WrongCoreValueCount { expected: 1, actual: 0 });
    let wrong = call(&[CoreValue::I64(0)], one);
    assert!(matches!(wrong, AbiErrorKind::WrongCoreType { .. }), "{wrong:?}");
    let none = call(&[CoreValue::I32(0)], &mut []);
    assert_eq!(none, AbiErrorKind::WrongCoreValueCount { expected: 1, actual: 0 });
}

#[test]
fn an_import_that_is_not_in_the_table_is_refused() {
    let mut memory = FakeMemory::new();
    let result = call_import(&mut EchoHost::default(), &mut memory, usize::MAX, &[], &mut []);
    let expected = AbiErrorKind::NoSuchFunction { index: usize::MAX, functions: IMPORTS.len() };
    assert_eq!(kind(result), expected);
}

/// A guest that answers every allocation with the same pointer.
struct StubbornMemory {
    bytes: Vec<u8>,
    pointer: u32,
}

impl GuestMemory for StubbornMemory {
    fn bytes(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    fn realloc(&mut self, _size: u32, _align: u32) -> Result<u32, Trap> {
        Ok(self.pointer)
    }
}

#[test]
fn room_that_the_guest_does_not_have_is_never_written() {
    let import = IMPORTS.iter().position(|import| import.name == "echo-entries").unwrap();
    let mut entries = vec![0; 2 * Entry::SIZE];
    entries.extend([0; 64]);
    let end = u32::try_from(entries.len()).unwrap();
    for pointer in [end - 8, end, end + 8, u32::MAX - 7, 4, 1] {
        let mut memory = StubbornMemory { bytes: entries.clone(), pointer };
        let params = [0, 2, end.cast_signed() - 8].map(CoreValue::I32);
        let result = call_import(&mut EchoHost::default(), &mut memory, import, &params, &mut []);
        let found = kind(result);
        let refused =
            matches!(found, AbiErrorKind::OutOfBounds { .. } | AbiErrorKind::Misaligned { .. });
        assert!(refused, "{pointer}: {found:?}");
    }
}

#[test]
fn a_return_area_outside_memory_is_refused() {
    let import = IMPORTS.iter().position(|import| import.name == "echo-numbers").unwrap();
    let mut memory = FakeMemory::new();
    let end = i32::try_from(memory.bytes.len()).unwrap();
    for (area, refused) in [(end - 48, false), (end - 40, true), (4, true), (-8, true)] {
        let mut params: Vec<CoreValue> = zeros(IMPORTS[import].params);
        *params.last_mut().unwrap() = CoreValue::I32(area);
        let result = call_import(&mut EchoHost::default(), &mut memory, import, &params, &mut []);
        assert_eq!(result.is_err(), refused, "{area}: {result:?}");
    }
    assert_eq!(Numbers::SIZE, 48);
}

fn zeros(types: &[CoreType]) -> Vec<CoreValue> {
    types.iter().map(|core_type| core_type.zero()).collect()
}
