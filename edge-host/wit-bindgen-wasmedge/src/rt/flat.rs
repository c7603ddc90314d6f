//! Values as sequences of core values, and the slots that the cases of a variant share.

use super::bits::{i32_of, i64_of, u32_of, u64_of};
use super::{AbiError, AbiErrorKind, CoreType, CoreValue};

/// Parameters that flatten to more core values than this travel in memory instead.
pub const FLAT_PARAMS_MAX: usize = 16;
/// A result that flattens to more core values than this travels in memory instead.
pub const FLAT_RESULTS_MAX: usize = 1;

/// The core types a type flattens to, or that they are more than any call passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlatTypes {
    types: [CoreType; FLAT_PARAMS_MAX],
    /// More than `FLAT_PARAMS_MAX` when there are too many to list.
    count: usize,
}

impl FlatTypes {
    /// No core value.
    pub const NONE: Self = Self { types: [CoreType::I32; FLAT_PARAMS_MAX], count: 0 };
    /// More core values than any call passes.
    pub const TOO_MANY: Self =
        Self { types: [CoreType::I32; FLAT_PARAMS_MAX], count: FLAT_PARAMS_MAX + 1 };

    /// These types, in order.
    pub const fn of(types: &[CoreType]) -> Self {
        if types.len() > FLAT_PARAMS_MAX {
            return Self::TOO_MANY;
        }
        let mut flat = Self::NONE;
        while flat.count < types.len() {
            flat.types[flat.count] = types[flat.count];
            flat.count += 1;
        }
        flat
    }

    /// These types and then the others: a record's next field.
    #[must_use]
    pub const fn then(self, others: Self) -> Self {
        if self.count + others.count > FLAT_PARAMS_MAX {
            return Self::TOO_MANY;
        }
        let mut flat = self;
        let mut next = 0;
        while next < others.count {
            flat.types[flat.count] = others.types[next];
            flat.count += 1;
            next += 1;
        }
        flat
    }

    /// Slots wide enough for these types and for the others: a variant's next case.
    #[must_use]
    pub const fn join(self, others: Self) -> Self {
        if self.count > FLAT_PARAMS_MAX || others.count > FLAT_PARAMS_MAX {
            return Self::TOO_MANY;
        }
        let mut flat = self;
        let mut next = 0;
        while next < others.count {
            if next < flat.count {
                flat.types[next] = flat.types[next].join(others.types[next]);
            } else {
                flat.types[next] = others.types[next];
                flat.count += 1;
            }
            next += 1;
        }
        flat
    }

    /// Whether there are at most `count_max` of them.
    #[inline]
    pub const fn fits(&self, count_max: usize) -> bool {
        self.count <= count_max
    }

    /// The types, or none when there are too many.
    #[inline]
    pub fn types(&self) -> &[CoreType] {
        self.types.get(..self.count).unwrap_or_default()
    }
}

/// The core values of a call, while they are made.
pub struct FlatWriter {
    values: [CoreValue; FLAT_PARAMS_MAX],
    count: usize,
}

impl FlatWriter {
    pub(crate) fn new() -> Self {
        Self { values: [CoreValue::I32(0); FLAT_PARAMS_MAX], count: 0 }
    }

    /// Appends a value.
    #[inline]
    pub fn push(&mut self, value: CoreValue) {
        // Only types whose `FLAT` fits are lowered, so there is a place for each of their values.
        debug_assert!(self.count < FLAT_PARAMS_MAX, "more core values than a call passes");
        if let Some(place) = self.values.get_mut(self.count) {
            *place = value;
            self.count += 1;
        }
    }

    /// How many values there are: where a variant starts, before its discriminant is pushed.
    #[inline]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Makes the values from `start` on into those of a variant's `slots`: widened, and zeros where
    /// the case has fewer values than the variant.
    #[inline]
    pub fn widen(&mut self, start: usize, slots: &FlatTypes) {
        for (index, slot) in slots.types().iter().enumerate() {
            if start + index < self.count {
                let value = &mut self.values[start + index];
                *value = widened(*value, *slot);
            } else {
                self.push(slot.zero());
            }
        }
    }

    /// All values.
    #[inline]
    pub(crate) fn values(&self) -> &[CoreValue] {
        &self.values[..self.count]
    }
}

/// A case's value in the slot that all cases share. Pairs that no join makes stay as they are.
#[inline]
fn widened(value: CoreValue, slot: CoreType) -> CoreValue {
    match (value, slot) {
        (CoreValue::F32(float), CoreType::I32) => CoreValue::I32(i32_of(float.to_bits())),
        (CoreValue::F32(float), CoreType::I64) => CoreValue::I64(i64::from(float.to_bits())),
        (CoreValue::I32(int), CoreType::I64) => CoreValue::I64(i64::from(u32_of(int))),
        (CoreValue::F64(float), CoreType::I64) => CoreValue::I64(i64_of(float.to_bits())),
        _ => value,
    }
}

/// The core values of a call, while they are taken.
///
/// Values were checked against the signature before, so a wider type than asked for comes from a
/// slot that a variant's cases share, and is narrowed.
pub struct FlatReader<'a> {
    values: &'a [CoreValue],
    next: usize,
}

impl<'a> FlatReader<'a> {
    /// Reads these values from the first on.
    pub fn new(values: &'a [CoreValue]) -> Self {
        Self { values, next: 0 }
    }

    /// The next value as a 32-bit integer.
    #[inline]
    pub fn i32(&mut self) -> Result<i32, AbiError> {
        match self.take()? {
            CoreValue::I32(value) => Ok(value),
            CoreValue::I64(value) => Ok(i32_of(low_half(value))),
            other => Err(wrong_core_type(CoreType::I32, other)),
        }
    }

    /// The next value as an unsigned 32-bit integer: a pointer, a length or a discriminant.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, AbiError> {
        self.i32().map(u32_of)
    }

    /// The next value as a 64-bit integer.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, AbiError> {
        match self.take()? {
            CoreValue::I64(value) => Ok(value),
            other => Err(wrong_core_type(CoreType::I64, other)),
        }
    }

    /// The next value as a 32-bit float.
    #[inline]
    pub fn f32(&mut self) -> Result<f32, AbiError> {
        match self.take()? {
            CoreValue::F32(value) => Ok(value),
            CoreValue::I32(value) => Ok(f32::from_bits(u32_of(value))),
            CoreValue::I64(value) => Ok(f32::from_bits(low_half(value))),
            other @ CoreValue::F64(_) => Err(wrong_core_type(CoreType::F32, other)),
        }
    }

    /// The next value as a 64-bit float.
    #[inline]
    pub fn f64(&mut self) -> Result<f64, AbiError> {
        match self.take()? {
            CoreValue::F64(value) => Ok(value),
            CoreValue::I64(value) => Ok(f64::from_bits(u64_of(value))),
            other => Err(wrong_core_type(CoreType::F64, other)),
        }
    }

    /// Where a variant that starts here ends: after all its slots, whichever case it is.
    #[inline]
    pub fn end_of(&self, slots: &FlatTypes) -> usize {
        self.next + slots.types().len()
    }

    /// Goes on at `end`, past the slots that the case did not use.
    #[inline]
    pub fn skip_to(&mut self, end: usize) {
        self.next = end;
    }

    #[inline]
    fn take(&mut self) -> Result<CoreValue, AbiError> {
        match self.values.get(self.next) {
            Some(value) => {
                self.next += 1;
                Ok(*value)
            }
            None => Err(wrong_core_value_count(self.next + 1, self.values.len())),
        }
    }
}

/// Checks that the engine passed what the signature says.
#[inline]
pub(crate) fn check_values(values: &[CoreValue], types: &[CoreType]) -> Result<(), AbiError> {
    if values.len() != types.len() {
        return Err(wrong_core_value_count(types.len(), values.len()));
    }
    match values.iter().zip(types).find(|(value, core_type)| value.core_type() != **core_type) {
        None => Ok(()),
        Some((value, core_type)) => Err(wrong_core_type(*core_type, *value)),
    }
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the canonical ABI wraps an i64 to its low half"
)]
fn low_half(value: i64) -> u32 {
    u64_of(value) as u32
}

#[cold]
fn wrong_core_type(expected: CoreType, actual: CoreValue) -> AbiError {
    AbiError::new(AbiErrorKind::WrongCoreType { expected, actual: actual.core_type() })
}

#[cold]
pub(crate) fn wrong_core_value_count(expected: usize, actual: usize) -> AbiError {
    AbiError::new(AbiErrorKind::WrongCoreValueCount { expected, actual })
}
