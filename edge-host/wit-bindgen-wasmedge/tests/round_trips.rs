//! Any value comes back as it was, through the generated code and a guest that passes it on.

mod support;

use proptest::collection::vec;
use proptest::prelude::*;
use support::kinds::{EXPORTS, Kinds};
use support::values::{color, eight, entry, joined, nine, numbers, thirty_two};
use support::{EchoGuest, RETURN_AREA};

fn guest() -> Kinds<EchoGuest> {
    Kinds::new(EchoGuest::new())
}

proptest! {
    #[test]
    fn numbers_come_back(value in numbers()) {
        prop_assert_eq!(guest().echo_numbers(&value).unwrap(), value);
    }

    #[test]
    fn records_with_lists_come_back(value in vec(entry(), 0..6)) {
        prop_assert_eq!(guest().echo_entries(&value).unwrap(), value);
    }

    #[test]
    fn records_passed_in_memory_come_back(value in entry(), color in color()) {
        prop_assert_eq!(guest().echo_entry(&value, color).unwrap(), (value, color));
    }

    #[test]
    fn variants_come_back_through_shared_slots(value in joined()) {
        prop_assert_eq!(guest().echo_joined(&value).unwrap(), value);
    }

    #[test]
    fn variants_come_back_through_memory(value in vec(joined(), 0..20)) {
        prop_assert_eq!(guest().echo_joined_list(&value).unwrap(), value);
    }

    #[test]
    fn flags_come_back(eight in eight(), nine in nine(), word in thirty_two()) {
        prop_assert_eq!(guest().echo_flags(eight, nine, word).unwrap(), (eight, nine, word));
    }

    #[test]
    fn flat_results_come_back(word in any::<u32>(), long in any::<u64>(), letter in any::<char>()) {
        let mut guest = guest();
        prop_assert_eq!(guest.echo_u32(word).unwrap(), word);
        prop_assert_eq!(guest.echo_u64(long).unwrap(), long);
        prop_assert_eq!(guest.echo_char(letter).unwrap(), letter);
    }

    #[test]
    fn floats_come_back_bit_for_bit(word in any::<u32>(), long in any::<u64>()) {
        let mut guest = guest();
        let single = guest.echo_f32(f32::from_bits(word)).unwrap();
        let double = guest.echo_f64(f64::from_bits(long)).unwrap();
        prop_assert_eq!(single.to_bits(), word);
        prop_assert_eq!(double.to_bits(), long);
    }
}

#[test]
fn enums_come_back() {
    use support::kinds::shapes::Color;
    for color in [Color::Red, Color::Green, Color::DarkBlue] {
        assert_eq!(guest().echo_color(color).unwrap(), color);
    }
}

#[test]
fn not_a_number_keeps_its_payload_in_shared_slots() {
    use support::kinds::shapes::Joined;
    let payload = f32::from_bits(0x7fa0_1234);
    let Joined::Single(answer) = guest().echo_joined(&Joined::Single(payload)).unwrap() else {
        panic!("another case came back");
    };
    assert_eq!(answer.to_bits(), payload.to_bits());
}

#[test]
fn empty_lists_and_texts_ask_for_no_room() {
    let mut guest = guest();
    assert_eq!(guest.echo_entries(&[]).unwrap(), []);
    assert_eq!(guest.into_instance().memory.allocations, 0);
}

#[test]
fn the_result_is_given_back_to_the_guest_after_it_was_lifted() {
    let mut guest = guest();
    guest.echo_entries(&[]).unwrap();
    guest.echo_nothing().unwrap();
    let expected =
        ["cabi_post_test:kinds/echo@0.1.0#echo-entries", "cabi_post_test:kinds/echo@0.1.0#nothing"];
    assert_eq!(guest.into_instance().post_returns, expected);
}

#[test]
fn a_guest_without_post_returns_is_not_asked_for_them() {
    let mut guest = guest();
    guest.instance_mut().has_post_returns = false;
    guest.echo_entries(&[]).unwrap();
    assert!(guest.into_instance().post_returns.is_empty());
}

#[test]
fn every_export_is_followed_by_its_post_return() {
    let functions = EXPORTS.split_last().unwrap().1;
    for pair in functions.chunks(2) {
        assert_eq!(pair[1].name, format!("cabi_post_{}", pair[0].name));
        assert_eq!(pair[1].params, pair[0].results);
        assert_eq!(pair[1].results, []);
    }
}

#[test]
fn imports_of_the_world_itself_reach_the_host() {
    use wit_bindgen_wasmedge::rt::CoreValue::I32;
    let mut guest = EchoGuest::new();
    let at = RETURN_AREA as usize;
    guest.memory.bytes[at..at + 5].copy_from_slice(b"hello");
    let pointer = RETURN_AREA.cast_signed();
    let import = support::kinds::IMPORTS.iter().position(|import| import.module == "$root");
    let params = [I32(pointer), I32(5), I32(pointer), I32(2)];
    let EchoGuest { memory, host, .. } = &mut guest;
    support::kinds::call_import(host, memory, import.unwrap(), &params, &mut []).unwrap();
    assert_eq!(guest.host.logged, [("hello".to_owned(), b"he".to_vec())]);
}
