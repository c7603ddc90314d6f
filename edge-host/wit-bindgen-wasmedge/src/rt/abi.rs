//! How a Rust type lies in a guest's memory and travels in core values.

use super::{AbiError, CallError, FlatReader, FlatTypes, FlatWriter, GuestMemory, Source, Within};

/// The layout of a type in the canonical ABI of 32-bit memories.
pub trait Abi {
    /// Bytes in memory, a multiple of `ALIGN`.
    const SIZE: usize;
    /// What its address is a multiple of: 1, 2, 4 or 8.
    const ALIGN: usize;
    /// The core values it travels in where it does not travel in memory.
    const FLAT: FlatTypes;
}

/// A value that can be given to a guest.
pub trait Lower: Abi {
    /// Writes the value at `at`, which MUST be aligned; what it points to is allocated.
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError>;

    /// Appends the value's core values, exactly those of `FLAT`.
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError>;

    /// Writes one value after the other, from `at` on.
    #[inline]
    fn store_all<M: GuestMemory + ?Sized>(
        values: &[Self],
        memory: &mut M,
        at: usize,
    ) -> Result<(), CallError>
    where
        Self: Sized,
    {
        let mut next = at;
        for value in values {
            value.store(memory, next)?;
            next += Self::SIZE;
        }
        Ok(())
    }
}

/// A value that can be taken from a guest. Nothing in the guest's bytes is trusted.
pub trait Lift: Abi + Sized {
    /// Reads the value at `at`.
    fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError>;

    /// Takes the value from core values: as many as `FLAT` has, also when it fails to use them all.
    fn lift(source: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError>;

    /// Reads `count` values that lie one after the other, from `at` on. The caller MUST have
    /// checked that they lie in memory, and that the host may take their room.
    #[inline]
    fn load_all(source: &mut Source<'_>, at: usize, count: usize) -> Result<Vec<Self>, AbiError> {
        let mut values = Vec::with_capacity(count);
        let mut next = at;
        for _ in 0..count {
            values.push(Self::load(source, next).within("[]")?);
            next += Self::SIZE;
        }
        Ok(values)
    }
}

impl<T: Abi + ?Sized> Abi for &T {
    const SIZE: usize = T::SIZE;
    const ALIGN: usize = T::ALIGN;
    const FLAT: FlatTypes = T::FLAT;
}

impl<T: Lower + ?Sized> Lower for &T {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        T::store(self, memory, at)
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        T::lower(self, memory, flat)
    }
}
