//! What can go wrong at the boundary: the engine stopped, or the guest broke the canonical ABI.

use std::error::Error;
use std::fmt;

use super::CoreType;

/// The engine's refusal to go on: a trap, with its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    message: Box<str>,
}

impl Trap {
    /// A trap that says `message`.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into().into_boxed_str() }
    }

    /// What the engine said.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Trap {}

/// How a guest, or the embedder's engine, broke the canonical ABI.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbiErrorKind {
    /// A pointer and length reach outside the memory.
    OutOfBounds {
        /// The first byte asked for.
        address: u64,
        /// How many bytes were asked for.
        bytes: u64,
        /// How many bytes the memory has.
        memory: u64,
    },
    /// A pointer is not a multiple of its type's alignment.
    Misaligned {
        /// The pointer.
        address: u32,
        /// What it had to be a multiple of.
        align: u32,
    },
    /// A string is not UTF-8.
    InvalidUtf8 {
        /// How many of its bytes are.
        valid_up_to: u64,
    },
    /// A variant, enum, option or result names a case it does not have.
    BadDiscriminant {
        /// The case named.
        discriminant: u32,
        /// How many cases there are.
        cases: u32,
    },
    /// A char is not a Unicode scalar value.
    BadChar {
        /// The number in its place.
        value: u32,
    },
    /// The lists and strings of one call take more host memory than allowed.
    TooMuchLifted {
        /// The most bytes one call may take.
        bytes_max: u64,
    },
    /// A list or string of the host is too long for a 32-bit memory.
    TooLongToLower {
        /// Its elements, or bytes.
        length: u64,
    },
    /// The engine passed another number of core values than the signature has.
    WrongCoreValueCount {
        /// How many the signature has.
        expected: usize,
        /// How many there were.
        actual: usize,
    },
    /// The engine passed a core value of another type than the signature has.
    WrongCoreType {
        /// The signature's type.
        expected: CoreType,
        /// The value's type.
        actual: CoreType,
    },
    /// There is no function of this index in the table.
    NoSuchFunction {
        /// The index asked for.
        index: usize,
        /// How many functions the table has.
        functions: usize,
    },
}

impl fmt::Display for AbiErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { address, bytes, memory } => {
                write!(f, "{bytes} bytes at {address} reach outside the memory's {memory} bytes")
            }
            Self::Misaligned { address, align } => {
                write!(f, "the pointer {address} is not a multiple of {align}")
            }
            Self::InvalidUtf8 { valid_up_to } => {
                write!(f, "the string is not UTF-8 after its first {valid_up_to} bytes")
            }
            Self::BadDiscriminant { discriminant, cases } => {
                write!(f, "there is no case {discriminant}, only {cases} from 0")
            }
            Self::BadChar { value } => write!(f, "{value:#x} is not a Unicode scalar value"),
            Self::TooMuchLifted { bytes_max } => {
                write!(f, "lists and strings take more than {bytes_max} bytes")
            }
            Self::TooLongToLower { length } => {
                write!(f, "a length of {length} does not fit a 32-bit memory")
            }
            Self::WrongCoreValueCount { expected, actual } => {
                write!(f, "expected {expected} core values, got {actual}")
            }
            Self::WrongCoreType { expected, actual } => {
                write!(f, "expected a core value of type {expected}, got {actual}")
            }
            Self::NoSuchFunction { index, functions } => {
                write!(f, "there is no function {index} in a table of {functions}")
            }
        }
    }
}

/// A breach of the canonical ABI, and where in the types it was found.
///
/// One pointer wide, so that the good path of every lift stays cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbiError {
    details: Box<Details>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    kind: AbiErrorKind,
    /// From the innermost place to the outermost.
    places: Vec<&'static str>,
}

impl AbiError {
    /// An error whose place is not known yet; callers add it with [`Within`].
    #[cold]
    pub fn new(kind: AbiErrorKind) -> Self {
        Self { details: Box::new(Details { kind, places: Vec::new() }) }
    }

    /// An import was called that the table does not have.
    #[cold]
    pub fn no_such_function(index: usize, functions: usize) -> Self {
        Self::new(AbiErrorKind::NoSuchFunction { index, functions })
    }

    /// A discriminant names none of `cases` cases.
    #[cold]
    pub fn bad_discriminant(discriminant: u32, cases: u32) -> Self {
        Self::new(AbiErrorKind::BadDiscriminant { discriminant, cases })
    }

    /// What is wrong.
    pub fn kind(&self) -> &AbiErrorKind {
        &self.details.kind
    }

    /// Where, from the function inwards: such as `apply`, `outcome.result`, `shortage.sku`.
    pub fn places(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.details.places.iter().rev().copied()
    }
}

impl fmt::Display for AbiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in self.places() {
            write!(f, "{place}: ")?;
        }
        self.details.kind.fmt(f)
    }
}

impl Error for AbiError {}

/// Why a call across the boundary did not come to its end.
///
/// Either way the guest's state is unknown afterwards: drop the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallError {
    /// The engine stopped the guest.
    Trap(Trap),
    /// What the guest passed or answered breaks the canonical ABI.
    Abi(AbiError),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(trap) => write!(f, "the guest trapped: {trap}"),
            Self::Abi(error) => write!(f, "the guest broke the canonical ABI: {error}"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Trap(trap) => Some(trap),
            Self::Abi(error) => Some(error),
        }
    }
}

impl From<Trap> for CallError {
    fn from(trap: Trap) -> Self {
        Self::Trap(trap)
    }
}

impl From<AbiError> for CallError {
    fn from(error: AbiError) -> Self {
        Self::Abi(error)
    }
}

/// Adds a place to the error of a result, on its way out.
pub trait Within {
    /// Says that what failed is part of `place`.
    #[must_use]
    fn within(self, place: &'static str) -> Self;
}

impl<T> Within for Result<T, AbiError> {
    #[inline]
    fn within(self, place: &'static str) -> Self {
        match self {
            Ok(value) => Ok(value),
            Err(error) => Err(add_place(error, place)),
        }
    }
}

impl<T> Within for Result<T, CallError> {
    #[inline]
    fn within(self, place: &'static str) -> Self {
        match self {
            Err(CallError::Abi(error)) => Err(CallError::Abi(add_place(error, place))),
            other => other,
        }
    }
}

#[cold]
fn add_place(mut error: AbiError, place: &'static str) -> AbiError {
    error.details.places.push(place);
    error
}
