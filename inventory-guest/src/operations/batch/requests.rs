//! The identities of a batch's commands: the same request gets the same answer, for ever.

use super::orders::OrderEntry;
use super::{Fault, OrderIndex};
use crate::domain::{
    Answer, Command, Instant, LeftOut, Operation, Placement, Refusal, Ship, Transfer,
};
use crate::storage::requests::{NO_ORDER, RequestKey, RequestRow};
use crate::storage::{self, Database};
use rustc_hash::{FxHashMap, FxHashSet};
use serde::Serialize;
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64;

/// The first byte of every encoded outcome: postcard of today's `Result<Answer, Refusal>`.
const FORMAT: u8 = 1;

/// What was answered to the same identity before.
pub(in crate::operations) enum Earlier {
    Never,
    Same(Result<Answer, Refusal>),
    Conflict,
}

#[derive(Default)]
pub(super) struct Requests<'a> {
    /// One for each command; `None`: never remembered.
    identities: Vec<Option<Identity>>,
    /// One for each distinct key, and for each hold that ended.
    slots: Vec<Slot<'a>>,
}

#[derive(Clone, Copy)]
struct Identity {
    order: Option<OrderIndex>,
    slot: usize,
    fingerprint: u64,
    /// What it would have been before the guest was told what a caller left out.
    former: Option<u64>,
}

struct Slot<'a> {
    key: RequestKey<'a>,
    answered: Option<Answered>,
}

struct Answered {
    fingerprint: u64,
    outcome: Vec<u8>,
    /// The request's place in its order's history; `None`: its row is there.
    new_step: Option<u32>,
}

impl<'a> Requests<'a> {
    /// Looks up which commands were answered before.
    pub(super) fn find(
        database: &mut dyn Database,
        orders: &[OrderEntry<'a>],
        order_of: &[Option<OrderIndex>],
        commands: &'a [Command],
    ) -> Result<Self, Fault> {
        let mut requests = Self::default();
        let mut slot_of: FxHashMap<RequestKey<'a>, usize> = FxHashMap::default();
        let mut may_be_stored = Vec::new();
        let mut body = Vec::new();
        for (command, &order) in commands.iter().zip(order_of) {
            let order_no = order.map_or(NO_ORDER, |order| orders[order].row.order_no);
            let Some(key) = key(order_no, command) else {
                requests.identities.push(None);
                continue;
            };
            let slots = &mut requests.slots;
            let slot = *slot_of.entry(key).or_insert_with_key(|key| {
                slots.push(Slot { key: key.clone(), answered: None });
                if order.is_none_or(|order| orders[order].is_stored()) {
                    may_be_stored.push(slots.len() - 1);
                }
                slots.len() - 1
            });
            let former = former_fingerprint(command, &mut body);
            let fingerprint = fingerprint(command, &mut body);
            requests.identities.push(Some(Identity { order, slot, fingerprint, former }));
        }
        let asked = may_be_stored.iter().map(|&slot| (slot, &requests.slots[slot].key));
        for (slot, fingerprint, outcome) in storage::requests::find(database, asked)? {
            let answered = Answered { fingerprint, outcome, new_step: None };
            requests.slots[slot].answered = Some(answered);
        }
        Ok(requests)
    }

    /// The orders of commands that are to be decided.
    pub(super) fn undecided_orders(&self) -> impl Iterator<Item = OrderIndex> + use<> {
        let undecided = self.identities.iter().flatten();
        let orders: Vec<_> = undecided
            .filter(|identity| self.slots[identity.slot].answered.is_none())
            .filter_map(|identity| identity.order)
            .collect();
        orders.into_iter()
    }

    /// The orders of commands that are to be decided and do more than confirm or ship.
    pub(super) fn orders_of_more_than_leaving(
        &self,
        commands: &[Command],
    ) -> FxHashSet<OrderIndex> {
        let more = |command: &Command| !matches!(command, Command::Confirm(_) | Command::Ship(_));
        let numbers = (0..commands.len()).filter(|it| more(&commands[*it]) && self.is_new(*it));
        numbers.filter_map(|number| self.order_of(number)).collect()
    }

    pub(super) fn order_of(&self, number: usize) -> Option<OrderIndex> {
        self.identities[number].and_then(|identity| identity.order)
    }

    /// Whether a command is to be decided, as far as is known.
    pub(super) fn is_new(&self, number: usize) -> bool {
        self.identities[number].is_none_or(|it| self.slots[it.slot].answered.is_none())
    }

    pub(super) fn earlier(&self, number: usize) -> Result<Earlier, Fault> {
        let Some(identity) = self.identities[number] else {
            return Ok(Earlier::Never);
        };
        match &self.slots[identity.slot].answered {
            None => Ok(Earlier::Never),
            Some(Answered { fingerprint, .. })
                if *fingerprint != identity.fingerprint
                    && Some(*fingerprint) != identity.former =>
            {
                Ok(Earlier::Conflict)
            }
            Some(answered) => Ok(Earlier::Same(decode(&answered.outcome)?)),
        }
    }

    pub(super) fn remember(
        &mut self,
        number: usize,
        result: &Result<Answer, Refusal>,
        orders: &mut [OrderEntry<'_>],
    ) {
        let Some(identity) = self.identities[number] else {
            return;
        };
        let step = identity.order.map_or(0, |order| orders[order].next_step());
        self.slots[identity.slot].answered = Some(Answered {
            fingerprint: identity.fingerprint,
            outcome: encode(result),
            new_step: Some(step),
        });
    }

    /// Notes the end of a hold in its order's history.
    pub(super) fn remember_expiry(&mut self, order_no: i64, placement: u32, step: u32) {
        let request_id = Cow::Owned(format!("placement {placement}"));
        let key = RequestKey { order_no, operation: Operation::Expire, request_id };
        let outcome = encode(&Ok(Answer::Expired(1)));
        let answered = Answered { fingerprint: 0, outcome, new_step: Some(step) };
        self.slots.push(Slot { key, answered: Some(answered) });
    }

    /// Writes what was answered now.
    pub(super) fn write(&self, database: &mut dyn Database, now: Instant) -> Result<(), Fault> {
        let rows = self.slots.iter().filter_map(|slot| {
            let answered = slot.answered.as_ref()?;
            Some(RequestRow {
                key: &slot.key,
                step: answered.new_step?,
                fingerprint: answered.fingerprint,
                outcome: &answered.outcome,
            })
        });
        storage::requests::insert(database, now, rows)?;
        Ok(())
    }
}

/// `None`: the command is never remembered.
fn key(order_no: i64, command: &Command) -> Option<RequestKey<'_>> {
    let (operation, request_id) = match command {
        Command::Reserve(it) => (Operation::Reserve, &it.request_id),
        Command::Deduct(it) => (Operation::Deduct, &it.request_id),
        Command::Confirm(it) => (Operation::Confirm, &it.request_id),
        Command::Extend(it) => (Operation::Extend, &it.request_id),
        Command::Ship(it) => (Operation::Ship, &it.request_id),
        Command::Release(it) => (Operation::Release, &it.request_id),
        Command::Transfer(it) => (Operation::Transfer, &it.request_id),
        Command::Adjust(it) => (Operation::Adjust, &it.request_id),
        Command::Expire(_) | Command::Catalog(_) | Command::Session(_) | Command::Count(_) => {
            return None;
        }
    };
    let request_id = match (request_id, command) {
        (Some(id), _) => Cow::Borrowed(id.as_str()),
        (None, Command::Adjust(_)) => return None,
        (
            None,
            Command::Ship(Ship { package: Some(package), .. })
            | Command::Transfer(Transfer { package, .. }),
        ) => Cow::Owned(format!("package {package}")),
        (None, _) => Cow::Borrowed(""),
    };
    Some(RequestKey { order_no, operation, request_id })
}

/// A hash of what a command asks for, without what names it.
fn fingerprint(command: &Command, body: &mut Vec<u8>) -> u64 {
    body.clear();
    match command {
        Command::Reserve(it) if it.left_out != LeftOut::default() => {
            let (mode, ttl) = (it.left_out.mode, it.left_out.ttl);
            let (mode, ttl) = ((!mode).then_some(it.mode), (!ttl).then_some(it.ttl));
            append_placement(it, &(mode, it.strategy, ttl, it.allow_partial), body);
            // Nothing that leaves nothing out is encoded with such an end.
            body.push(0xff);
        }
        Command::Reserve(it) | Command::Deduct(it) => {
            append_placement(it, &(it.mode, it.strategy, it.ttl, it.allow_partial), body);
        }
        Command::Extend(it) => append(&it.ttl, body),
        Command::Ship(it) => append(&it.package, body),
        Command::Release(it) => append(&(it.reason, &it.lines), body),
        Command::Transfer(it) => append(&(it.package, &it.warehouse), body),
        Command::Adjust(it) => append(&(&it.reason, &it.items), body),
        Command::Confirm(_)
        | Command::Expire(_)
        | Command::Catalog(_)
        | Command::Session(_)
        | Command::Count(_) => {}
    }
    xxh3_64(body)
}

/// The hash by which answers were stored that a reservation with something left out got when the
/// guest knew only what the configuration said in its place.
fn former_fingerprint(command: &Command, body: &mut Vec<u8>) -> Option<u64> {
    let Command::Reserve(it) = command else {
        return None;
    };
    if it.left_out == LeftOut::default() {
        return None;
    }
    body.clear();
    append_placement(it, &(it.mode, it.strategy, it.ttl, it.allow_partial), body);
    Some(xxh3_64(body))
}

fn append_placement(it: &Placement, how: &impl Serialize, body: &mut Vec<u8>) {
    let adcode = it.ship_to.as_ref().map(|place| &place.adcode);
    append(&(&it.lines, adcode, how), body);
    // Requests from before there were places have the fingerprint they always had.
    if let Some(location) = it.ship_to.as_ref().and_then(|place| place.location) {
        append(&location, body);
    }
}

/// Encodes a value behind what is there.
pub(in crate::operations) fn append(value: &impl Serialize, bytes: &mut Vec<u8>) {
    *bytes = postcard::to_extend(value, std::mem::take(bytes))
        .expect("memory is the only thing that can stop an encoder, and that traps");
}

/// An outcome as it is stored.
pub(in crate::operations) fn encode(result: &Result<Answer, Refusal>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(FORMAT);
    append(result, &mut bytes);
    bytes
}

/// What was stored.
pub(in crate::operations) fn decode(outcome: &[u8]) -> Result<Result<Answer, Refusal>, Fault> {
    match outcome {
        [FORMAT, encoded @ ..] => postcard::from_bytes(encoded)
            .map_err(|fault| Fault::Corrupt(format!("a stored outcome: {fault}"))),
        _ => Err(Fault::Corrupt("a stored outcome has an unknown format".to_owned())),
    }
}

/// What an order's history says of a stored outcome: `ok`, or the refusal's code.
pub(in crate::operations) fn code_of(outcome: &[u8]) -> Result<&'static str, Fault> {
    Ok(match decode(outcome)? {
        Ok(_) => "ok",
        Err(refusal) => refusal.code(),
    })
}
