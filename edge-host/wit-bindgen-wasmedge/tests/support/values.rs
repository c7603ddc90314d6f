//! Any value of the types of `kinds.wit`.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::kinds::shapes::{Color, Eight, Entry, Joined, Nine, Numbers, ThirtyTwo};

pub(crate) fn numbers() -> impl Strategy<Value = Numbers> {
    let small = any::<(u8, i8, u16, i16)>();
    let large = any::<(u32, i32, u64, i64, f32, f64)>();
    (small, large).prop_map(|((a, b, c, d), (e, f, g, h, x, y))| Numbers {
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        x,
        y,
    })
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

pub(crate) fn entry() -> impl Strategy<Value = Entry> {
    let plain = (any::<u64>(), any::<bool>(), any::<char>(), text());
    let lists = (vec(any::<u8>(), 0..40), vec(vec(text(), 0..3), 0..4));
    let maybe = option::of(option::of(any::<u16>()));
    let pair = (any::<u8>(), any::<u64>(), text());
    let outcome = prop_oneof![vec(any::<i16>(), 0..9).prop_map(Ok), text().prop_map(Err),];
    let nothing = prop_oneof![Just(Ok(())), Just(Err(()))];
    (plain, lists, maybe, pair, outcome, nothing).prop_map(
        |((id, r#type, self_, name), (bytes, nested), maybe, pair, outcome, nothing)| Entry {
            id,
            r#type,
            self_,
            name,
            bytes,
            nested,
            maybe,
            pair,
            outcome,
            nothing,
        },
    )
}

pub(crate) fn joined() -> impl Strategy<Value = Joined> {
    prop_oneof![
        Just(Joined::Empty),
        any::<u32>().prop_map(Joined::Word),
        any::<f32>().prop_map(Joined::Single),
        any::<i64>().prop_map(Joined::Long),
        any::<f64>().prop_map(Joined::Double),
        text().prop_map(Joined::Text),
        any::<(f32, f64, u8)>().prop_map(Joined::Point),
        any::<f32>().prop_map(|value| Joined::Inner(Ok(value))),
        any::<u64>().prop_map(|value| Joined::Inner(Err(value))),
    ]
}

pub(crate) fn color() -> impl Strategy<Value = Color> {
    prop_oneof![Just(Color::Red), Just(Color::Green), Just(Color::DarkBlue)]
}

pub(crate) fn eight() -> impl Strategy<Value = Eight> {
    any::<[bool; 8]>().prop_map(|[a, b, c, d, e, f, g, h]| Eight { a, b, c, d, e, f, g, h })
}

pub(crate) fn nine() -> impl Strategy<Value = Nine> {
    any::<[bool; 9]>().prop_map(|[a, b, c, d, e, f, g, h, i]| Nine { a, b, c, d, e, f, g, h, i })
}

pub(crate) fn thirty_two() -> impl Strategy<Value = ThirtyTwo> {
    any::<[bool; 3]>().prop_map(|[b0, b16, b31]| ThirtyTwo { b0, b16, b31, ..ThirtyTwo::default() })
}
