//! Flags: bits in one byte, two bytes, or as many 32-bit words as are needed. Bits beyond the last
//! flag are written as 0 and ignored when read, as the canonical ABI has it.

use super::{
    AbiError, CallError, CoreType, CoreValue, FlatReader, FlatTypes, FlatWriter, GuestMemory, Lift,
    Lower, Source,
};

const WORD_BITS: usize = 32;

/// Bytes that `count` flags take in memory.
pub const fn flags_size(count: usize) -> usize {
    match count {
        0 => 0,
        1..=8 => 1,
        9..=16 => 2,
        _ => count.div_ceil(WORD_BITS) * 4,
    }
}

/// What the address of `count` flags is a multiple of.
pub const fn flags_align(count: usize) -> usize {
    match count {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

/// The core types of `count` flags: one for each 32.
pub const fn flags_flat(count: usize) -> FlatTypes {
    let mut flat = FlatTypes::NONE;
    let mut words = count.div_ceil(WORD_BITS);
    while words > 0 {
        flat = flat.then(FlatTypes::of(&[CoreType::I32]));
        words -= 1;
    }
    flat
}

fn word(flags: &[bool]) -> u32 {
    flags
        .iter()
        .rev()
        .fold(0, |bits, flag| (bits << 1) | u32::from(*flag))
}

fn set_flags(flags: &mut [bool], word: u32) {
    for (bit, flag) in flags.iter_mut().enumerate() {
        *flag = (word >> bit) & 1 == 1;
    }
}

/// Writes flags at `at`.
pub fn store_flags<const N: usize, M: GuestMemory + ?Sized>(
    flags: &[bool; N],
    memory: &mut M,
    at: usize,
) -> Result<(), CallError> {
    let width = flags_align(N);
    for (index, flags) in flags.chunks(WORD_BITS).enumerate() {
        let [byte, second, ..] = word(flags).to_le_bytes();
        match width {
            1 => byte.store(memory, at)?,
            2 => u16::from_le_bytes([byte, second]).store(memory, at)?,
            _ => word(flags).store(memory, at + index * width)?,
        }
    }
    Ok(())
}

/// Appends flags as core values.
pub fn lower_flags<const N: usize>(flags: &[bool; N], flat: &mut FlatWriter) {
    for flags in flags.chunks(WORD_BITS) {
        flat.push(CoreValue::I32(word(flags).cast_signed()));
    }
}

/// Reads flags at `at`.
pub fn load_flags<const N: usize>(
    source: &mut Source<'_>,
    at: usize,
) -> Result<[bool; N], AbiError> {
    let width = flags_align(N);
    let mut all = [false; N];
    for (index, flags) in all.chunks_mut(WORD_BITS).enumerate() {
        let word = match width {
            1 => u8::load(source, at)?.into(),
            2 => u16::load(source, at)?.into(),
            _ => u32::load(source, at + index * width)?,
        };
        set_flags(flags, word);
    }
    Ok(all)
}

/// Takes flags from core values.
pub fn lift_flags<const N: usize>(flat: &mut FlatReader<'_>) -> Result<[bool; N], AbiError> {
    let mut all = [false; N];
    for flags in all.chunks_mut(WORD_BITS) {
        set_flags(flags, flat.u32()?);
    }
    Ok(all)
}
