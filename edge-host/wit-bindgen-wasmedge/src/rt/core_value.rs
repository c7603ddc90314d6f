//! The values and types of core WebAssembly that the canonical ABI travels in.

use std::fmt;

/// A value a core function takes or returns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CoreValue {
    /// A 32-bit integer of either sign, and every pointer and length.
    I32(i32),
    /// A 64-bit integer of either sign.
    I64(i64),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
}

impl CoreValue {
    /// The type of the value.
    #[inline]
    pub const fn core_type(self) -> CoreType {
        match self {
            Self::I32(_) => CoreType::I32,
            Self::I64(_) => CoreType::I64,
            Self::F32(_) => CoreType::F32,
            Self::F64(_) => CoreType::F64,
        }
    }
}

/// The type of a [`CoreValue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoreType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
}

impl CoreType {
    /// The zero of the type: what fills the slots a shorter variant case leaves.
    #[inline]
    pub const fn zero(self) -> CoreValue {
        match self {
            Self::I32 => CoreValue::I32(0),
            Self::I64 => CoreValue::I64(0),
            Self::F32 => CoreValue::F32(0.0),
            Self::F64 => CoreValue::F64(0.0),
        }
    }

    /// The type wide enough for either: what a slot is that two variant cases share.
    pub(crate) const fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::I32, Self::I32 | Self::F32) | (Self::F32, Self::I32) => Self::I32,
            (Self::F32, Self::F32) => Self::F32,
            (Self::F64, Self::F64) => Self::F64,
            _ => Self::I64,
        }
    }
}

impl fmt::Display for CoreType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        })
    }
}
