//! Flags: bits in one byte, two or four. WIT has at most 32 of them in a type. Bits beyond the last
//! flag are written as 0 and ignored when read, as the canonical ABI has it.

use super::bits::i32_of;
use super::{
    AbiError, CallError, CoreValue, FlatReader, FlatWriter, GuestMemory, Lift, Lower, Source,
};

fn to_word(flags: &[bool]) -> u32 {
    flags.iter().rev().fold(0, |word, flag| (word << 1) | u32::from(*flag))
}

fn from_word<const N: usize>(word: u32) -> [bool; N] {
    let mut rest = word;
    [(); N].map(|()| {
        let flag = rest & 1 == 1;
        rest >>= 1;
        flag
    })
}

/// Writes flags at `at`.
#[inline]
pub fn store_flags<const N: usize, M: GuestMemory + ?Sized>(
    flags: &[bool; N],
    memory: &mut M,
    at: usize,
) -> Result<(), CallError> {
    let word = to_word(flags);
    let [first, second, ..] = word.to_le_bytes();
    match N {
        0..=8 => first.store(memory, at),
        9..=16 => u16::from_le_bytes([first, second]).store(memory, at),
        _ => word.store(memory, at),
    }
}

/// Appends flags as a core value.
#[inline]
pub fn lower_flags<const N: usize>(flags: &[bool; N], flat: &mut FlatWriter) {
    flat.push(CoreValue::I32(i32_of(to_word(flags))));
}

/// Reads flags at `at`.
#[inline]
pub fn load_flags<const N: usize>(
    source: &mut Source<'_>,
    at: usize,
) -> Result<[bool; N], AbiError> {
    let word = match N {
        0..=8 => u8::load(source, at)?.into(),
        9..=16 => u16::load(source, at)?.into(),
        _ => u32::load(source, at)?,
    };
    Ok(from_word(word))
}

/// Takes flags from a core value.
#[inline]
pub fn lift_flags<const N: usize>(flat: &mut FlatReader<'_>) -> Result<[bool; N], AbiError> {
    flat.u32().map(from_word)
}
