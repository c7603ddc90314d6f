//! Whole calls: arguments one way, a result the other, and where either travels in memory.

use super::bits::i32_of;
use super::flat::{check_values, wrong_core_value_count};
use super::memory::allocate;
use super::{
    AbiError, CallError, CoreValue, FLAT_PARAMS_MAX, FLAT_RESULTS_MAX, FlatReader, FlatWriter,
    GuestMemory, Instance, Lift, Lower, Signature, Source, Within,
};

/// Which exports a typed method calls, and how much it may lift.
#[derive(Clone, Copy)]
pub struct ExportCall {
    /// The export's entry in the table.
    pub signature: &'static Signature,
    /// The export's index in the table.
    pub export: usize,
    /// The index of its `cabi_post_…`, which the guest may lack.
    pub post_return: usize,
    /// The most host memory the lists and strings of the result may take.
    pub lifted_bytes_max: usize,
}

/// Calls an export: lowers the arguments (a tuple), calls, lifts the result, and then lets the
/// guest free it.
pub fn call_export<I, P, R>(
    instance: &mut I,
    call: ExportCall,
    arguments: &P,
) -> Result<R, CallError>
where
    I: Instance + ?Sized,
    P: Lower,
    R: Lift,
{
    let mut flat = FlatWriter::new();
    lower_arguments(instance, arguments, &mut flat).within(call.signature.name)?;
    let mut answers = [CoreValue::I32(0); FLAT_RESULTS_MAX];
    let answers = if let [result] = call.signature.results {
        answers[0] = result.zero();
        &mut answers[..]
    } else {
        &mut []
    };
    instance.call(call.export, flat.values(), answers)?;
    let mut source = Source::new(instance.bytes(), call.lifted_bytes_max);
    let value = check_values(answers, call.signature.results)
        .and_then(|()| lift_at_most(FLAT_RESULTS_MAX, &mut source, answers))
        .within(call.signature.name)?;
    if instance.has_export(call.post_return) {
        instance.call(call.post_return, answers, &mut [])?;
    }
    Ok(value)
}

#[inline]
fn lower_arguments<P: Lower, M: GuestMemory + ?Sized>(
    memory: &mut M,
    arguments: &P,
    flat: &mut FlatWriter,
) -> Result<(), CallError> {
    if P::FLAT.fits(FLAT_PARAMS_MAX) {
        return arguments.lower(memory, flat);
    }
    let at = allocate(memory, 1, P::SIZE, P::ALIGN)?;
    arguments.store(memory, at)?;
    let pointer = u32::try_from(at).expect("the address was a u32 when the guest gave it");
    flat.push(CoreValue::I32(i32_of(pointer)));
    Ok(())
}

/// A value that is flat when it has at most `count_max` core values, and else pointed to.
#[inline]
fn lift_at_most<T: Lift>(
    count_max: usize,
    source: &mut Source<'_>,
    values: &[CoreValue],
) -> Result<T, AbiError> {
    let mut flat = FlatReader::new(values);
    if T::FLAT.fits(count_max) {
        return T::lift(source, &mut flat);
    }
    let at = source.region(flat.u32()?, 1, T::SIZE, T::ALIGN)?;
    T::load(source, at)
}

/// Lifts the arguments (a tuple) a guest gave to an import.
#[inline]
pub fn lift_arguments<T: Lift, M: GuestMemory + ?Sized>(
    signature: &'static Signature,
    memory: &mut M,
    params: &[CoreValue],
    lifted_bytes_max: usize,
) -> Result<T, CallError> {
    let mut source = Source::new(memory.bytes(), lifted_bytes_max);
    let arguments = check_values(params, signature.params)
        .and_then(|()| lift_at_most(FLAT_PARAMS_MAX, &mut source, params))
        .within(signature.name)?;
    Ok(arguments)
}

/// Lowers the result of an import: into `results` when it is flat, and else to where the last
/// parameter points.
#[inline]
pub fn lower_result<R: Lower, M: GuestMemory + ?Sized>(
    signature: &'static Signature,
    memory: &mut M,
    result: &R,
    params: &[CoreValue],
    results: &mut [CoreValue],
) -> Result<(), CallError> {
    if results.len() != signature.results.len() {
        let error = wrong_core_value_count(signature.results.len(), results.len());
        return Err(error).within(signature.name).map_err(CallError::Abi);
    }
    if R::FLAT.fits(FLAT_RESULTS_MAX) {
        let mut flat = FlatWriter::new();
        result.lower(memory, &mut flat)?;
        for (place, value) in results.iter_mut().zip(flat.values()) {
            *place = *value;
        }
        return Ok(());
    }
    let at = return_area::<R, M>(memory, params).within(signature.name)?;
    result.store(memory, at).within(signature.name)
}

#[inline]
fn return_area<R: Lower, M: GuestMemory + ?Sized>(
    memory: &mut M,
    params: &[CoreValue],
) -> Result<usize, AbiError> {
    let last = params.len().saturating_sub(1);
    let pointer = FlatReader::new(params.get(last..).unwrap_or_default()).u32()?;
    Source::new(memory.bytes(), 0).region(pointer, 1, R::SIZE, R::ALIGN)
}
