//! The numbers that rows use for enums; `migrations/` documents them.

use super::Error;
use super::rows::unreadable;
use crate::domain::catalog::Noun;
use crate::domain::change::ChangeKind;
use crate::domain::count::Snapshot;
use crate::domain::session::SessionKind;
use crate::domain::{Operation, OrderState, Strategy};

const STATES: [OrderState; 8] = [
    OrderState::AwaitingPayment,
    OrderState::Reserved,
    OrderState::Committed,
    OrderState::PartiallyShipped,
    OrderState::Shipped,
    OrderState::PartiallyReleased,
    OrderState::Released,
    OrderState::Expired,
];

/// Up to 8: the feed's own kinds follow, and then further operations.
const FIRST_OPERATIONS: [Operation; 8] = [
    Operation::Reserve,
    Operation::Confirm,
    Operation::Extend,
    Operation::Ship,
    Operation::Release,
    Operation::Deduct,
    Operation::Expire,
    Operation::Adjust,
];

const STRATEGIES: [Strategy; 3] = [Strategy::Priority, Strategy::Nearest, Strategy::MinSplits];

pub(super) fn of_state(state: OrderState) -> u32 {
    match state {
        OrderState::AwaitingPayment => 1,
        OrderState::Reserved => 2,
        OrderState::Committed => 3,
        OrderState::PartiallyShipped => 4,
        OrderState::Shipped => 5,
        OrderState::PartiallyReleased => 6,
        OrderState::Released => 7,
        OrderState::Expired => 8,
    }
}

pub(super) fn of_operation(operation: Operation) -> u32 {
    match operation {
        Operation::Reserve => 1,
        Operation::Confirm => 2,
        Operation::Extend => 3,
        Operation::Ship => 4,
        Operation::Release => 5,
        Operation::Deduct => 6,
        Operation::Expire => 7,
        Operation::Adjust => 8,
        Operation::Transfer => 11,
        Operation::Count => 12,
    }
}

pub(super) fn of_kind(kind: ChangeKind) -> u32 {
    match kind {
        ChangeKind::Moved(operation) => of_operation(operation),
        ChangeKind::SoldOut => 9,
        ChangeKind::BackInStock => 10,
    }
}

pub(super) fn of_noun(noun: Noun) -> u32 {
    match noun {
        Noun::Warehouse => 1,
        Noun::ServiceArea => 2,
        Noun::Category => 3,
        Noun::Restriction => 4,
        Noun::Calendar => 5,
        Noun::SafetyStock => 6,
        Noun::Division => 7,
    }
}

/// The codes of these follow those of the nouns.
const STOCK_SESSION: u32 = 8;
const SNAPSHOT_SESSION: u32 = 9;

pub(super) fn of_session_kind(kind: &SessionKind) -> u32 {
    match kind {
        SessionKind::Catalog(noun) => of_noun(*noun),
        SessionKind::Stock => STOCK_SESSION,
        SessionKind::Snapshot(_) => SNAPSHOT_SESSION,
    }
}

/// `snapshot`: what a snapshot's session is of.
pub(super) fn to_session_kind(code: u32, snapshot: Option<Snapshot>) -> Result<SessionKind, Error> {
    match (code, snapshot) {
        (STOCK_SESSION, None) => Ok(SessionKind::Stock),
        (SNAPSHOT_SESSION, Some(snapshot)) => Ok(SessionKind::Snapshot(snapshot)),
        (noun, None) => to_noun(noun).map(SessionKind::Catalog),
        (code, Some(_)) => Err(unreadable(&format!("a snapshot in a session of kind {code}"))),
    }
}

pub(super) fn of_strategy(strategy: Strategy) -> u32 {
    match strategy {
        Strategy::Priority => 1,
        Strategy::Nearest => 2,
        Strategy::MinSplits => 3,
    }
}

pub(super) fn to_noun(code: u32) -> Result<Noun, Error> {
    at(&Noun::ALL, code)
}

pub(super) fn to_strategy(code: u32) -> Result<Strategy, Error> {
    at(&STRATEGIES, code)
}

pub(super) fn to_state(code: u32) -> Result<OrderState, Error> {
    at(&STATES, code)
}

pub(super) fn to_operation(code: u32) -> Result<Operation, Error> {
    match code {
        11 => Ok(Operation::Transfer),
        12 => Ok(Operation::Count),
        _ => at(&FIRST_OPERATIONS, code),
    }
}

pub(super) fn to_kind(code: u32) -> Result<ChangeKind, Error> {
    match code {
        9 => Ok(ChangeKind::SoldOut),
        10 => Ok(ChangeKind::BackInStock),
        operation => to_operation(operation).map(ChangeKind::Moved),
    }
}

fn at<T: Copy>(cases: &[T], code: u32) -> Result<T, Error> {
    let index = code.checked_sub(1).map(|index| index as usize);
    index
        .and_then(|index| cases.get(index).copied())
        .ok_or_else(|| unreadable(&format!("the unknown code {code}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_as_they_are_written() {
        for state in STATES {
            assert_eq!(to_state(of_state(state)).unwrap(), state);
        }
        for operation in FIRST_OPERATIONS.into_iter().chain([Operation::Transfer, Operation::Count])
        {
            assert_eq!(to_operation(of_operation(operation)).unwrap(), operation);
        }
        for noun in Noun::ALL {
            assert_eq!(to_noun(of_noun(noun)).unwrap(), noun);
        }
        for strategy in STRATEGIES {
            assert_eq!(to_strategy(of_strategy(strategy)).unwrap(), strategy);
        }
        for kind in [ChangeKind::SoldOut, ChangeKind::BackInStock] {
            assert_eq!(to_kind(of_kind(kind)).unwrap(), kind);
        }
        assert!(to_state(0).is_err());
        assert!(to_state(9).is_err());
        assert!(to_operation(9).is_err());
        assert!(to_kind(13).is_err());
    }
}
