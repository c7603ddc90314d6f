//! Integers, floats, booleans and characters.

use super::bits::{i8_of, i16_of, i32_of, i64_of, u64_of};
use super::memory::{slice_mut, write};
use super::{
    Abi, AbiError, AbiErrorKind, CallError, CoreType, CoreValue, FlatReader, FlatTypes, FlatWriter,
    GuestMemory, Lift, Lower, Source,
};

/// Number types: little-endian bytes in memory, one core value, and lists of them in one pass.
macro_rules! number {
    ($number:ident, $core:ident, $to_core:expr, $from_core:expr) => {
        impl Abi for $number {
            const SIZE: usize = size_of::<$number>();
            const ALIGN: usize = size_of::<$number>();
            const FLAT: FlatTypes = FlatTypes::of(&[CoreType::$core]);
        }

        impl Lower for $number {
            #[inline]
            fn store<M: GuestMemory + ?Sized>(
                &self,
                memory: &mut M,
                at: usize,
            ) -> Result<(), CallError> {
                write(memory, at, self.to_le_bytes())
            }

            #[inline]
            fn lower<M: GuestMemory + ?Sized>(
                &self,
                _memory: &mut M,
                flat: &mut FlatWriter,
            ) -> Result<(), CallError> {
                flat.push(CoreValue::$core($to_core(*self)));
                Ok(())
            }

            #[inline]
            fn store_all<M: GuestMemory + ?Sized>(
                values: &[Self],
                memory: &mut M,
                at: usize,
            ) -> Result<(), CallError> {
                let room = slice_mut(memory, at, size_of_val(values))?;
                for (bytes, value) in room.chunks_exact_mut(Self::SIZE).zip(values) {
                    bytes.copy_from_slice(&value.to_le_bytes());
                }
                Ok(())
            }
        }

        impl Lift for $number {
            #[inline]
            fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
                source.read(at).map(<$number>::from_le_bytes)
            }

            #[inline]
            fn lift(_: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
                $from_core(flat)
            }

            #[inline]
            fn load_all(
                source: &mut Source<'_>,
                at: usize,
                count: usize,
            ) -> Result<Vec<Self>, AbiError> {
                let bytes = source.slice(at, count * Self::SIZE)?;
                let number = |chunk: &[u8]| {
                    <$number>::from_le_bytes(chunk.try_into().expect("chunks have SIZE bytes"))
                };
                Ok(bytes.chunks_exact(Self::SIZE).map(number).collect())
            }
        }
    };
}

number!(u8, I32, i32::from, |flat: &mut FlatReader<'_>| flat
    .u32()
    .map(|bits| bits.to_le_bytes()[0]));
number!(i8, I32, i32::from, |flat: &mut FlatReader<'_>| {
    flat.u32().map(|bits| i8_of(bits.to_le_bytes()[0]))
});
number!(u16, I32, i32::from, |flat: &mut FlatReader<'_>| flat.u32().map(low_u16));
number!(i16, I32, i32::from, |flat: &mut FlatReader<'_>| {
    flat.u32().map(|bits| i16_of(low_u16(bits)))
});
number!(u32, I32, i32_of, FlatReader::u32);
number!(i32, I32, i32::from, FlatReader::i32);
number!(u64, I64, i64_of, |flat: &mut FlatReader<'_>| flat.i64().map(u64_of));
number!(i64, I64, i64::from, FlatReader::i64);
number!(f32, F32, f32::from, FlatReader::f32);
number!(f64, F64, f64::from, FlatReader::f64);

/// The low half of a core integer. The canonical ABI ignores the other.
#[inline]
fn low_u16(bits: u32) -> u16 {
    let [low, high, ..] = bits.to_le_bytes();
    u16::from_le_bytes([low, high])
}

impl Abi for bool {
    const SIZE: usize = 1;
    const ALIGN: usize = 1;
    const FLAT: FlatTypes = FlatTypes::of(&[CoreType::I32]);
}

impl Lower for bool {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        u8::from(*self).store(memory, at)
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        _memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        flat.push(CoreValue::I32(i32::from(*self)));
        Ok(())
    }
}

/// Every number but 0 is true, as the canonical ABI has it: there is no bad bool.
impl Lift for bool {
    #[inline]
    fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
        u8::load(source, at).map(|byte| byte != 0)
    }

    #[inline]
    fn lift(_: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
        flat.i32().map(|value| value != 0)
    }
}

impl Abi for char {
    const SIZE: usize = 4;
    const ALIGN: usize = 4;
    const FLAT: FlatTypes = FlatTypes::of(&[CoreType::I32]);
}

impl Lower for char {
    #[inline]
    fn store<M: GuestMemory + ?Sized>(&self, memory: &mut M, at: usize) -> Result<(), CallError> {
        u32::from(*self).store(memory, at)
    }

    #[inline]
    fn lower<M: GuestMemory + ?Sized>(
        &self,
        memory: &mut M,
        flat: &mut FlatWriter,
    ) -> Result<(), CallError> {
        u32::from(*self).lower(memory, flat)
    }
}

impl Lift for char {
    #[inline]
    fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
        u32::load(source, at).and_then(scalar_value)
    }

    #[inline]
    fn lift(_: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
        flat.u32().and_then(scalar_value)
    }
}

#[inline]
fn scalar_value(value: u32) -> Result<char, AbiError> {
    char::from_u32(value).ok_or_else(|| bad_char(value))
}

#[cold]
fn bad_char(value: u32) -> AbiError {
    AbiError::new(AbiErrorKind::BadChar { value })
}
