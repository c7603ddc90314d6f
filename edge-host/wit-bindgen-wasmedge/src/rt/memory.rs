//! A guest's memory and calls, as an engine offers them, and the checked ways into that memory.

use super::{AbiError, AbiErrorKind, CallError, CoreValue, Trap};

/// The linear memory of a guest.
///
/// Memory may move and grow whenever guest code runs, [`realloc`](Self::realloc) included, so the
/// bytes are borrowed anew after it. `bytes` is called for almost every value that is lowered: an
/// implementation SHOULD answer from a pointer it keeps until guest code runs again.
pub trait GuestMemory {
    /// All of the memory, as it is now. MUST NOT run guest code.
    fn bytes(&mut self) -> &mut [u8];

    /// Runs the guest's `cabi_realloc(0, 0, align, size)` and answers what it answered. The answer
    /// is checked by the caller.
    ///
    /// While it runs, and while a `cabi_post_…` does, the guest must not leave its module: the
    /// engine's side MUST trap every import that is called then. Otherwise a hostile allocator
    /// calls an import whose result is allocated by it again, until the host's stack is gone.
    fn realloc(&mut self, size: u32, align: u32) -> Result<u32, Trap>;
}

/// An instantiated guest whose exports were checked against the generated `EXPORTS`.
pub trait Instance: GuestMemory {
    /// Calls the export at this index of the generated `EXPORTS`.
    ///
    /// `params` has the values of the signature; MUST fill `results`, which has as many places as
    /// the signature has results.
    fn call(
        &mut self,
        export: usize,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap>;

    /// Whether the guest has the export at this index of `EXPORTS`; asked of optional ones only.
    fn has_export(&self, export: usize) -> bool;
}

/// A guest's memory while values are lifted out of it, and what may still be lifted.
pub struct Source<'a> {
    bytes: &'a [u8],
    bytes_left: usize,
    bytes_max: usize,
}

impl<'a> Source<'a> {
    /// Lifts from `bytes`, taking at most `bytes_max` bytes of host memory for lists and strings.
    ///
    /// The bound is on what the host allocates, not on what the guest's memory holds: elements of
    /// lists may overlap there, so a small memory could otherwise describe a huge value.
    pub fn new(bytes: &'a [u8], bytes_max: usize) -> Self {
        Self { bytes, bytes_left: bytes_max, bytes_max }
    }

    /// `N` bytes from `at` on.
    #[inline]
    pub fn read<const N: usize>(&self, at: usize) -> Result<[u8; N], AbiError> {
        match self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            Some(chunk) => Ok(*chunk),
            None => Err(out_of_bounds(at as u64, N as u64, self.bytes.len())),
        }
    }

    /// `length` bytes from `at` on.
    #[inline]
    pub fn slice(&self, at: usize, length: usize) -> Result<&'a [u8], AbiError> {
        match self.bytes.get(at..).and_then(|rest| rest.get(..length)) {
            Some(slice) => Ok(slice),
            None => Err(out_of_bounds(at as u64, length as u64, self.bytes.len())),
        }
    }

    /// Takes `count` elements of `element_bytes` in the host's memory from what may be lifted.
    #[inline]
    pub(crate) fn charge(&mut self, count: usize, element_bytes: usize) -> Result<(), AbiError> {
        let left = count
            .checked_mul(element_bytes.max(1))
            .and_then(|bytes| self.bytes_left.checked_sub(bytes));
        match left {
            Some(left) => {
                self.bytes_left = left;
                Ok(())
            }
            None => Err(too_much_lifted(self.bytes_max)),
        }
    }

    /// Where `count` elements of `size` lie that a guest's pointer points to.
    #[inline]
    pub(crate) fn region(
        &self,
        pointer: u32,
        count: usize,
        size: usize,
        align: usize,
    ) -> Result<usize, AbiError> {
        check_region(self.bytes.len(), pointer, count as u64 * size as u64, align)
    }
}

/// Asks the guest for room, and checks its answer. Without bytes there is nothing to ask for: then
/// the address is one that is aligned, and never dereferenced.
#[inline]
pub(crate) fn allocate<M: GuestMemory + ?Sized>(
    memory: &mut M,
    count: usize,
    size: usize,
    align: usize,
) -> Result<usize, CallError> {
    let bytes = count.checked_mul(size).and_then(|bytes| u32::try_from(bytes).ok());
    let (Some(bytes), Ok(align32)) = (bytes, u32::try_from(align)) else {
        return Err(too_long_to_lower(count).into());
    };
    if bytes == 0 {
        return Ok(align);
    }
    let pointer = memory.realloc(bytes, align32)?;
    Ok(check_region(memory.bytes().len(), pointer, u64::from(bytes), align)?)
}

/// The `length` bytes of a guest's memory from `at` on, to write.
#[inline]
pub(crate) fn slice_mut<M: GuestMemory + ?Sized>(
    memory: &mut M,
    at: usize,
    length: usize,
) -> Result<&mut [u8], AbiError> {
    let bytes = memory.bytes();
    let memory_bytes = bytes.len();
    match bytes.get_mut(at..).and_then(|rest| rest.get_mut(..length)) {
        Some(slice) => Ok(slice),
        None => Err(out_of_bounds(at as u64, length as u64, memory_bytes)),
    }
}

/// Writes `N` bytes at `at`.
#[inline]
pub(crate) fn write<M: GuestMemory + ?Sized, const N: usize>(
    memory: &mut M,
    at: usize,
    value: [u8; N],
) -> Result<(), CallError> {
    let bytes = memory.bytes();
    let memory_bytes = bytes.len();
    match bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        Some(chunk) => {
            *chunk = value;
            Ok(())
        }
        None => Err(out_of_bounds(at as u64, N as u64, memory_bytes).into()),
    }
}

#[inline]
pub(crate) fn check_region(
    memory_bytes: usize,
    pointer: u32,
    bytes: u64,
    align: usize,
) -> Result<usize, AbiError> {
    let address = pointer as usize;
    if address % align != 0 {
        return Err(misaligned(pointer, align));
    }
    match u64::from(pointer).checked_add(bytes) {
        Some(end) if end <= memory_bytes as u64 => Ok(address),
        _ => Err(out_of_bounds(u64::from(pointer), bytes, memory_bytes)),
    }
}

#[cold]
fn out_of_bounds(address: u64, bytes: u64, memory: usize) -> AbiError {
    AbiError::new(AbiErrorKind::OutOfBounds { address, bytes, memory: memory as u64 })
}

#[cold]
fn misaligned(address: u32, align: usize) -> AbiError {
    let align = u32::try_from(align).expect("alignments are at most 8");
    AbiError::new(AbiErrorKind::Misaligned { address, align })
}

#[cold]
fn too_much_lifted(bytes_max: usize) -> AbiError {
    AbiError::new(AbiErrorKind::TooMuchLifted { bytes_max: bytes_max as u64 })
}

#[cold]
pub(crate) fn too_long_to_lower(length: usize) -> AbiError {
    AbiError::new(AbiErrorKind::TooLongToLower { length: length as u64 })
}
