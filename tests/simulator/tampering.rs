//! The audit is believed by every other test: it must notice whatever is done to the rows behind
//! the guest's back.

use super::generator::Generator;
use super::model::Model;
use crate::door::Door;
use crate::door::native::NativeDoor;

/// Each breaks an invariant of spec.md §11 that no CHECK of the schema keeps.
const TAMPERINGS: [&str; 17] = [
    "UPDATE stock SET sellable = sellable + 1",
    "UPDATE stock SET reserved = reserved + 1",
    "UPDATE stock SET committed = committed + 1",
    "DELETE FROM stock WHERE sellable > 0",
    "UPDATE warehouse_stock SET on_hand = on_hand + 1",
    "UPDATE warehouse_stock SET on_hand = on_hand + 1, unavailable = unavailable + 1",
    "UPDATE warehouse_stock SET on_hand = on_hand + 1, reserved = reserved + 1",
    "UPDATE legs SET reserved = reserved + 1, quantity = quantity + 1",
    "UPDATE legs SET reserved = 0, committed = reserved WHERE reserved > 0",
    "UPDATE legs SET committed = committed - 1, shipped = shipped + 1 WHERE committed > 0",
    "DELETE FROM legs WHERE reserved > 0",
    "DELETE FROM orders WHERE state = 3",
    "UPDATE ledger SET stock_after = stock_after + 1 WHERE seq = 7",
    "UPDATE ledger SET reserved_before = reserved_before + 1 WHERE seq = 7",
    "DELETE FROM ledger WHERE seq = 7",
    "DELETE FROM ledger WHERE seq = (SELECT max(seq) FROM ledger)",
    "UPDATE ledger SET kind = 1 WHERE kind = 9",
];

/// One of these worlds ends with every kind of row: warehouses, holds, paid and shipped orders.
const SEEDS: u64 = 30;

#[test]
fn the_audit_notices_every_tampering() {
    let mut door = a_busy_shard();
    assert_eq!(door.audit().unwrap(), Vec::<String>::new());
    for tampering in TAMPERINGS {
        let (changed, differences) = door.audit_after(tampering);
        assert!(changed > 0, "the shard is not busy enough for {tampering}");
        assert!(!differences.is_empty(), "the audit does not notice {tampering}");
    }
    assert_eq!(door.audit().unwrap(), Vec::<String>::new());
}

/// A shard on which every tampering finds something.
fn a_busy_shard() -> NativeDoor {
    let is_busy = |door: &mut NativeDoor| TAMPERINGS.iter().all(|it| door.audit_after(it).0 > 0);
    let mut shards = (0..SEEDS).map(shard);
    shards.find_map(|mut door| is_busy(&mut door).then_some(door)).expect("a busy one")
}

fn shard(seed: u64) -> NativeDoor {
    let mut door = NativeDoor::open();
    let mut model = Model::default();
    let mut callers = Generator::new(seed);
    for _ in 0..40 {
        let (now, commands) = callers.instant(&model, 40);
        assert_eq!(door.apply(now, &commands).unwrap().outcomes, model.apply(now, &commands));
    }
    door
}
