//! The same bits with and without a sign: what the standard library has from Rust 1.87 on, where
//! this crate also builds with Debian 13's.

#[inline]
pub(super) fn i8_of(bits: u8) -> i8 {
    i8::from_ne_bytes(bits.to_ne_bytes())
}

#[inline]
pub(super) fn i16_of(bits: u16) -> i16 {
    i16::from_ne_bytes(bits.to_ne_bytes())
}

#[inline]
pub(super) fn i32_of(bits: u32) -> i32 {
    i32::from_ne_bytes(bits.to_ne_bytes())
}

#[inline]
pub(super) fn u32_of(bits: i32) -> u32 {
    u32::from_ne_bytes(bits.to_ne_bytes())
}

#[inline]
pub(super) fn i64_of(bits: u64) -> i64 {
    i64::from_ne_bytes(bits.to_ne_bytes())
}

#[inline]
pub(super) fn u64_of(bits: i64) -> u64 {
    u64::from_ne_bytes(bits.to_ne_bytes())
}
