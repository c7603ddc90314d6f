//! Options and results: a discriminant byte, then the payload.

use super::{
    Abi, AbiError, CallError, CoreType, CoreValue, FlatReader, FlatTypes, FlatWriter, GuestMemory,
    Lift, Lower, Source,
};

const DISCRIMINANT: FlatTypes = FlatTypes::of(&[CoreType::I32]);

const fn larger(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

impl<T: Abi> Abi for Option<T> {
    const SIZE: usize = (T::ALIGN + T::SIZE).next_multiple_of(T::ALIGN);
    const ALIGN: usize = T::ALIGN;
    const FLAT: FlatTypes = DISCRIMINANT.then(T::FLAT);
}

impl<T: Lower> Lower for Option<T> {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        u8::from(self.is_some()).store(memory, at)?;
        match self {
            None => Ok(()),
            Some(value) => value.store(memory, at + T::ALIGN),
        }
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        let start = flat.count();
        flat.push(CoreValue::I32(i32::from(self.is_some())));
        if let Some(value) = self {
            value.lower(memory, flat)?;
        }
        flat.widen(start, &Self::FLAT);
        Ok(())
    }
}

impl<T: Lift> Lift for Option<T> {
    #[inline]
    fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
        match u8::load(source, at)? {
            0 => Ok(None),
            1 => T::load(source, at + T::ALIGN).map(Some),
            other => Err(AbiError::bad_discriminant(other.into(), 2)),
        }
    }

    #[inline]
    fn lift(source: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
        let end = flat.end_of(&Self::FLAT);
        let value = match flat.u32()? {
            0 => None,
            1 => Some(T::lift(source, flat)?),
            other => return Err(AbiError::bad_discriminant(other, 2)),
        };
        flat.skip_to(end);
        Ok(value)
    }
}

impl<T: Abi, E: Abi> Abi for Result<T, E> {
    const SIZE: usize = (Self::ALIGN + larger(T::SIZE, E::SIZE)).next_multiple_of(Self::ALIGN);
    const ALIGN: usize = larger(T::ALIGN, E::ALIGN);
    const FLAT: FlatTypes = DISCRIMINANT.then(T::FLAT.join(E::FLAT));
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        u8::from(self.is_err()).store(memory, at)?;
        match self {
            Ok(value) => value.store(memory, at + Self::ALIGN),
            Err(error) => error.store(memory, at + Self::ALIGN),
        }
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        let start = flat.count();
        flat.push(CoreValue::I32(i32::from(self.is_err())));
        match self {
            Ok(value) => value.lower(memory, flat)?,
            Err(error) => error.lower(memory, flat)?,
        }
        flat.widen(start, &Self::FLAT);
        Ok(())
    }
}

impl<T: Lift, E: Lift> Lift for Result<T, E> {
    #[inline]
    fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
        match u8::load(source, at)? {
            0 => T::load(source, at + Self::ALIGN).map(Ok),
            1 => E::load(source, at + Self::ALIGN).map(Err),
            other => Err(AbiError::bad_discriminant(other.into(), 2)),
        }
    }

    #[inline]
    fn lift(source: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
        let end = flat.end_of(&Self::FLAT);
        let value = match flat.u32()? {
            0 => Ok(T::lift(source, flat)?),
            1 => Err(E::lift(source, flat)?),
            other => return Err(AbiError::bad_discriminant(other, 2)),
        };
        flat.skip_to(end);
        Ok(value)
    }
}
