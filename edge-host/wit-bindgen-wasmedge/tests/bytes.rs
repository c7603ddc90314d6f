//! Values as the exact bytes and core values that the canonical ABI says, written out by hand: what
//! a round trip cannot see, because both ways could be wrong alike.

#![allow(clippy::incompatible_msrv)] // tests are built by the newer compiler

mod support;

use support::kinds::Kinds;
use support::kinds::shapes::{Color, Joined, Nine, Numbers, ThirtyTwo};
use support::{EchoGuest, FakeMemory};
use wit_bindgen_wasmedge::rt::CoreValue::{F32, F64, I32, I64};
use wit_bindgen_wasmedge::rt::{
    AbiError, AbiErrorKind, CoreValue, FlatReader, GuestMemory, Instance, Lift, Lower, Source, Trap,
};

const BYTES_MAX: usize = 1 << 20;

/// The bytes of a value at 0, and what follows them.
fn stored<T: Lower>(value: &T) -> Vec<u8> {
    let mut memory = FakeMemory { bytes: vec![0; T::SIZE], allocations: 0 };
    value.store(&mut memory, 0).unwrap();
    memory.bytes
}

fn load<T: Lift>(bytes: &[u8]) -> Result<T, AbiError> {
    T::load(&mut Source::new(bytes, BYTES_MAX), 0)
}

fn lift<T: Lift>(values: &[CoreValue]) -> Result<T, AbiError> {
    T::lift(&mut Source::new(&[], BYTES_MAX), &mut FlatReader::new(values))
}

/// What an export was called with.
#[derive(Default)]
struct Recorder {
    guest: Option<EchoGuest>,
    params: Vec<CoreValue>,
}

impl GuestMemory for Recorder {
    fn bytes(&mut self) -> &mut [u8] {
        self.guest.get_or_insert_with(EchoGuest::new).bytes()
    }

    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap> {
        self.guest.get_or_insert_with(EchoGuest::new).realloc(size, align)
    }
}

impl Instance for Recorder {
    fn call(&mut self, _: usize, params: &[CoreValue], _: &mut [CoreValue]) -> Result<(), Trap> {
        self.params = params.to_vec();
        Err(Trap::new("recorded"))
    }

    fn has_export(&self, _: usize) -> bool {
        false
    }
}

fn lowered(value: &Joined) -> Vec<CoreValue> {
    let mut kinds = Kinds::new(Recorder::default());
    kinds.echo_joined(value).unwrap_err();
    kinds.into_instance().params
}

#[test]
fn records_have_padding_between_their_fields() {
    let numbers = Numbers { a: 1, b: -2, c: 3, d: -4, e: 5, f: -6, g: 7, h: -8, x: 1.0, y: -2.0 };
    let mut bytes = vec![1, 0xfe, 3, 0, 0xfc, 0xff, 0, 0, 5, 0, 0, 0, 0xfa, 0xff, 0xff, 0xff];
    bytes.extend([7, 0, 0, 0, 0, 0, 0, 0, 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
    bytes.extend([0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xc0]);
    assert_eq!(stored(&numbers), bytes);
    assert_eq!(load::<Numbers>(&bytes).unwrap(), numbers);
}

#[test]
fn texts_and_lists_are_a_pointer_and_a_length() {
    assert_eq!(stored(&"añ".to_owned()), [8, 0, 0, 0, 3, 0, 0, 0, b'a', 0xc3, 0xb1]);
    assert_eq!(stored(&vec![1_u16, 0x203]), [8, 0, 0, 0, 2, 0, 0, 0, 1, 0, 3, 2]);
    let dangling_but_aligned = [4, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(stored(&Vec::<u32>::new()), dangling_but_aligned);
}

#[test]
fn options_and_results_start_with_their_discriminant() {
    assert_eq!(stored(&None::<u32>), [0; 8]);
    assert_eq!(stored(&Some(7_u32)), [1, 0, 0, 0, 7, 0, 0, 0]);
    assert_eq!(stored(&Some(None::<u16>)), [1, 0, 0, 0, 0, 0]);
    assert_eq!(stored(&Some(Some(0x102_u16))), [1, 0, 1, 0, 2, 1]);
    assert_eq!(stored(&Err::<(), ()>(())), [1]);
    assert_eq!(stored(&Ok::<u8, u16>(9)), [0, 0, 9, 0]);
}

#[test]
fn tuples_and_characters_and_booleans_are_as_wide_as_they_say() {
    assert_eq!(stored(&(true, 'ñ', false)), [1, 0, 0, 0, 0xf1, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn flags_are_bits_from_the_lowest() {
    assert_eq!(stored(&Nine { a: true, i: true, ..Nine::default() }), [1, 1]);
    let word = ThirtyTwo { b1: true, b31: true, ..ThirtyTwo::default() };
    assert_eq!(stored(&word), [2, 0, 0, 0x80]);
    assert_eq!(load::<ThirtyTwo>(&[2, 0, 0, 0x80]).unwrap(), word);
    let beyond = load::<Nine>(&[0, 0xfe]).unwrap();
    assert_eq!(beyond, Nine::default(), "bits beyond the last flag are ignored");
}

#[test]
fn cases_share_slots_wide_enough_for_all() {
    let slots = |one: i64, two: i64, three: i32| [I64(one), I64(two), I32(three)];
    let check = |value: Joined, discriminant: i32, slots: [CoreValue; 3]| {
        let expected = [&[I32(discriminant)][..], &slots].concat();
        assert_eq!(lowered(&value), expected, "{value:?}");
    };
    let one = 0x3f80_0000;
    let double_one = 0x3ff0_0000_0000_0000;
    check(Joined::Empty, 0, slots(0, 0, 0));
    check(Joined::Word(u32::MAX), 1, slots(0xffff_ffff, 0, 0));
    check(Joined::Single(-0.0), 2, slots(0x8000_0000, 0, 0));
    check(Joined::Long(-1), 3, slots(-1, 0, 0));
    check(Joined::Double(1.0), 4, slots(double_one, 0, 0));
    check(Joined::Text("abc".to_owned()), 5, slots(1024, 3, 0));
    check(Joined::Point((1.0, 1.0, 9)), 6, slots(one, double_one, 9));
    check(Joined::Inner(Ok(1.0)), 7, slots(0, one, 0));
    check(Joined::Inner(Err(u64::MAX)), 7, slots(1, -1, 0));
}

#[test]
fn slots_are_narrowed_to_what_the_case_has() {
    let slots = |case: i32, one: i64, two: i64| [I32(case), I64(one), I64(two), I32(7)];
    let dirty = |low: i64| low | (0x7777 << 32);
    assert_eq!(lift::<Joined>(&slots(1, dirty(5), 0)), Ok(Joined::Word(5)));
    assert_eq!(lift::<Joined>(&slots(2, dirty(0x3f80_0000), 0)), Ok(Joined::Single(1.0)));
    let inner = lift::<Joined>(&slots(7, dirty(0), dirty(0x3f80_0000)));
    assert_eq!(inner, Ok(Joined::Inner(Ok(1.0))));
}

#[test]
fn bits_that_a_small_type_does_not_have_are_ignored() {
    assert_eq!(lift::<u8>(&[I32(0x1ff)]), Ok(0xff));
    assert_eq!(lift::<i8>(&[I32(0x180)]), Ok(-128));
    assert_eq!(lift::<u16>(&[I32(0x1_2345)]), Ok(0x2345));
    assert_eq!(lift::<i16>(&[I32(0xffff)]), Ok(-1));
    assert_eq!(lift::<bool>(&[I32(2)]), Ok(true));
    assert_eq!(load::<bool>(&[0x80]), Ok(true));
}

fn kind<T: std::fmt::Debug>(result: Result<T, AbiError>) -> AbiErrorKind {
    result.expect_err("it is refused").kind().clone()
}

#[test]
fn cases_that_do_not_exist_are_refused() {
    let bad = |discriminant, cases| AbiErrorKind::BadDiscriminant { discriminant, cases };
    assert_eq!(kind(load::<Color>(&[3])), bad(3, 3));
    assert_eq!(kind(lift::<Color>(&[I32(-1)])), bad(u32::MAX, 3));
    assert_eq!(kind(load::<Option<u8>>(&[2, 0])), bad(2, 2));
    assert_eq!(kind(lift::<Option<u8>>(&[I32(2), I32(0)])), bad(2, 2));
    assert_eq!(kind(load::<Result<u8, ()>>(&[9, 0])), bad(9, 2));
    assert_eq!(kind(load::<Joined>(&[8; 32])), bad(8, 8));
}

#[test]
fn characters_that_do_not_exist_are_refused() {
    for value in [0xd800_u32, 0xdfff, 0x11_0000, u32::MAX] {
        assert_eq!(kind(load::<char>(&value.to_le_bytes())), AbiErrorKind::BadChar { value });
        let flat = [I32(value.cast_signed())];
        assert_eq!(kind(lift::<char>(&flat)), AbiErrorKind::BadChar { value });
    }
}

#[test]
fn core_values_that_are_missing_or_of_another_type_are_refused() {
    let missing = AbiErrorKind::WrongCoreValueCount { expected: 2, actual: 1 };
    assert_eq!(kind(lift::<Option<u64>>(&[I32(1)])), missing);
    for result in [lift::<u64>(&[I32(0)]), lift::<u64>(&[F64(0.0)])] {
        assert!(matches!(kind(result), AbiErrorKind::WrongCoreType { .. }));
    }
    assert!(matches!(kind(lift::<u32>(&[F32(0.0)])), AbiErrorKind::WrongCoreType { .. }));
    assert!(matches!(kind(lift::<f32>(&[F64(0.0)])), AbiErrorKind::WrongCoreType { .. }));
    assert!(matches!(kind(lift::<f64>(&[F32(0.0)])), AbiErrorKind::WrongCoreType { .. }));
}

#[test]
fn errors_say_where_they_are_from_the_outside_inwards() {
    let mut bytes = stored(&Joined::Inner(Ok(1.0)));
    bytes[0] = 5;
    bytes[8..16].copy_from_slice(&[0xff; 8]);
    let error = load::<Joined>(&bytes).unwrap_err();
    let expected =
        "joined.text: 4294967295 bytes at 4294967295 reach outside the memory's 32 bytes";
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.places().collect::<Vec<_>>(), ["joined.text"]);
}
