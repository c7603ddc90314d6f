//! Lists and strings: a pointer and a length, whose bytes lie elsewhere in memory.

use super::bits::i32_of;
use super::memory::{allocate, slice_mut, too_long_to_lower};
use super::{
    Abi, AbiError, AbiErrorKind, CallError, CoreType, CoreValue, FlatReader, FlatTypes, FlatWriter,
    GuestMemory, Lift, Lower, Source,
};

/// A pointer and a length, in memory or flat.
struct Span {
    pointer: u32,
    length: u32,
}

impl Span {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
    const FLAT: FlatTypes = FlatTypes::of(&[CoreType::I32, CoreType::I32]);

    #[inline]
    fn new(address: usize, length: usize) -> Result<Self, CallError> {
        match (u32::try_from(address), u32::try_from(length)) {
            (Ok(pointer), Ok(length)) => Ok(Self { pointer, length }),
            _ => Err(too_long_to_lower(length).into()),
        }
    }

    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        let both = u64::from(self.pointer) | (u64::from(self.length) << 32);
        both.store(memory, at)
    }

    #[inline]
    fn lower(&self, flat: &mut FlatWriter) {
        flat.push(CoreValue::I32(i32_of(self.pointer)));
        flat.push(CoreValue::I32(i32_of(self.length)));
    }

    #[inline]
    fn load(source: &Source<'_>, at: usize) -> Result<Self, AbiError> {
        let [p0, p1, p2, p3, l0, l1, l2, l3] = source.read(at)?;
        let pointer = u32::from_le_bytes([p0, p1, p2, p3]);
        Ok(Self { pointer, length: u32::from_le_bytes([l0, l1, l2, l3]) })
    }

    #[inline]
    fn lift(flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
        Ok(Self { pointer: flat.u32()?, length: flat.u32()? })
    }

    #[inline]
    fn elements<T: Lift>(&self, source: &mut Source<'_>) -> Result<Vec<T>, AbiError> {
        let count = self.length as usize;
        let at = source.region(self.pointer, count, T::SIZE, T::ALIGN)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        source.charge(count, size_of::<T>())?;
        T::load_all(source, at, count)
    }

    #[inline]
    fn text(&self, source: &mut Source<'_>) -> Result<String, AbiError> {
        let length = self.length as usize;
        let at = source.region(self.pointer, length, 1, 1)?;
        source.charge(length, 1)?;
        match std::str::from_utf8(source.slice(at, length)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(invalid_utf8(error)),
        }
    }
}

#[inline]
fn place_elements<T: Lower, M: GuestMemory + ?Sized>(
    elements: &[T],
    memory: &mut M,
) -> Result<Span, CallError> {
    let address = allocate(memory, elements.len(), T::SIZE, T::ALIGN)?;
    if !elements.is_empty() {
        T::store_all(elements, memory, address)?;
    }
    Span::new(address, elements.len())
}

#[inline]
fn place_text<M: GuestMemory + ?Sized>(text: &str, memory: &mut M) -> Result<Span, CallError> {
    let address = allocate(memory, text.len(), 1, 1)?;
    if !text.is_empty() {
        slice_mut(memory, address, text.len())?.copy_from_slice(text.as_bytes());
    }
    Span::new(address, text.len())
}

#[cold]
fn invalid_utf8(error: std::str::Utf8Error) -> AbiError {
    AbiError::new(AbiErrorKind::InvalidUtf8 { valid_up_to: error.valid_up_to() as u64 })
}

impl Abi for str {
    const SIZE: usize = Span::SIZE;
    const ALIGN: usize = Span::ALIGN;
    const FLAT: FlatTypes = Span::FLAT;
}

impl Lower for str {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        place_text(self, memory)?.store(memory, at)
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        place_text(self, memory)?.lower(flat);
        Ok(())
    }
}

impl Abi for String {
    const SIZE: usize = Span::SIZE;
    const ALIGN: usize = Span::ALIGN;
    const FLAT: FlatTypes = Span::FLAT;
}

impl Lower for String {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        self.as_str().store(memory, at)
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        self.as_str().lower(memory, flat)
    }
}

impl Lift for String {
    #[inline]
    fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
        Span::load(source, at)?.text(source)
    }

    #[inline]
    fn lift(source: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
        Span::lift(flat)?.text(source)
    }
}

impl<T: Abi> Abi for [T] {
    const SIZE: usize = Span::SIZE;
    const ALIGN: usize = Span::ALIGN;
    const FLAT: FlatTypes = Span::FLAT;
}

impl<T: Lower> Lower for [T] {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        place_elements(self, memory)?.store(memory, at)
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        place_elements(self, memory)?.lower(flat);
        Ok(())
    }
}

impl<T: Abi> Abi for Vec<T> {
    const SIZE: usize = Span::SIZE;
    const ALIGN: usize = Span::ALIGN;
    const FLAT: FlatTypes = Span::FLAT;
}

impl<T: Lower> Lower for Vec<T> {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        self.as_slice().store(memory, at)
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        self.as_slice().lower(memory, flat)
    }
}

impl<T: Lift> Lift for Vec<T> {
    #[inline]
    fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
        Span::load(source, at)?.elements(source)
    }

    #[inline]
    fn lift(source: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
        Span::lift(flat)?.elements(source)
    }
}
