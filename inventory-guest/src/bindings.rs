//! What `wit-bindgen` makes of `wit/`: the words of the contract, and the calls both ways.

#![allow(
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated, and the canonical ABI is pointers"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "inventory",
    generate_all,
    ownership: Borrowing { duplicate_if_necessary: true },
    pub_export_macro: true,
});
