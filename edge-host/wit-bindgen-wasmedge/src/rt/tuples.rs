//! Tuples, which are records without names, and the parameters of a function.

use super::{
    Abi, AbiError, CallError, FlatReader, FlatTypes, FlatWriter, GuestMemory, Lift, Lower, Source,
};

/// A record's layout while fields are added to it.
#[derive(Clone, Copy)]
struct Layout {
    size: usize,
    align: usize,
    flat: FlatTypes,
}

impl Layout {
    const EMPTY: Self = Self { size: 0, align: 1, flat: FlatTypes::NONE };

    const fn then<T: Abi>(self) -> Self {
        Self {
            size: self.size.next_multiple_of(T::ALIGN) + T::SIZE,
            align: if T::ALIGN > self.align { T::ALIGN } else { self.align },
            flat: self.flat.then(T::FLAT),
        }
    }
}

macro_rules! tuple {
    ($($field:ident)*) => {
        impl<$($field: Abi),*> Abi for ($($field,)*) {
            const SIZE: usize = {
                let layout = Layout::EMPTY $(.then::<$field>())*;
                layout.size.next_multiple_of(layout.align)
            };
            const ALIGN: usize = (Layout::EMPTY $(.then::<$field>())*).align;
            const FLAT: FlatTypes = (Layout::EMPTY $(.then::<$field>())*).flat;
        }

        #[allow(non_snake_case, unused_variables, unused_mut, unused_assignments)]
        impl<$($field: Lower),*> Lower for ($($field,)*) {
            #[inline]
            fn store<M: GuestMemory + ?Sized>(
                &self,
                memory: &mut M,
                at: usize,
            ) -> Result<(), CallError> {
                let ($($field,)*) = self;
                let mut next = at;
                $(
                    next = next.next_multiple_of($field::ALIGN);
                    $field.store(memory, next)?;
                    next += $field::SIZE;
                )*
                Ok(())
            }

            #[inline]
            fn lower<M: GuestMemory + ?Sized>(
                &self,
                memory: &mut M,
                flat: &mut FlatWriter,
            ) -> Result<(), CallError> {
                let ($($field,)*) = self;
                $($field.lower(memory, flat)?;)*
                Ok(())
            }
        }

        #[allow(non_snake_case, unused_variables, unused_mut, unused_assignments)]
        #[allow(clippy::unused_unit)]
        impl<$($field: Lift),*> Lift for ($($field,)*) {
            #[inline]
            fn load(source: &mut Source<'_>, at: usize) -> Result<Self, AbiError> {
                let mut next = at;
                $(
                    next = next.next_multiple_of($field::ALIGN);
                    let $field = $field::load(source, next)?;
                    next += $field::SIZE;
                )*
                Ok(($($field,)*))
            }

            #[inline]
            fn lift(source: &mut Source<'_>, flat: &mut FlatReader<'_>) -> Result<Self, AbiError> {
                $(let $field = $field::lift(source, flat)?;)*
                Ok(($($field,)*))
            }
        }
    };
}

macro_rules! tuples_up_to {
    ($($field:ident)*) => { tuples_up_to!(@ [] $($field)*); };
    (@ [$($done:ident)*]) => { tuple!($($done)*); };
    (@ [$($done:ident)*] $next:ident $($rest:ident)*) => {
        tuple!($($done)*);
        tuples_up_to!(@ [$($done)* $next] $($rest)*);
    };
}

tuples_up_to!(
    A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16 A17 A18 A19 A20 A21 A22 A23
);

#[cfg(feature = "generate")]
pub(crate) const TUPLE_FIELDS_MAX: usize = 24;
