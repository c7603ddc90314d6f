//! The guest's own code compiled natively: what is left to gain at the boundary.

use inventory_guest::{
    domain::{
        Command, Instant, Items, LeftOut, Line, Mode, OrderId, Placement, Quantity, Seconds, Sku,
        Strategy,
    },
    operations::apply,
    storage::local::LocalDatabase,
};
use tempfile::TempDir;

use super::contender::{Contender, local_database};
use crate::measure::orders::Deduction;

pub(super) struct Native {
    database: LocalDatabase,
    _folder: TempDir,
}

impl Native {
    pub(super) fn open(skus: u32) -> Self {
        let (database, folder) = local_database(skus);
        Self { database, _folder: folder }
    }
}

impl Contender for Native {
    type Commands = Vec<Command>;

    fn prepare(&self, orders: Vec<Deduction>) -> Vec<Command> {
        orders.into_iter().map(deduct).collect()
    }

    fn commit(&mut self, commands: Vec<Command>) {
        let now = Instant::parse(0).expect("1970 is an instant");
        self.database.begin().expect("nobody else has it");
        let applied = apply(&mut self.database, now, &commands).expect("no fault");
        assert!(applied.outcomes.iter().all(|it| it.result.is_ok()), "there is enough");
        self.database.commit().expect("the disk has room");
    }
}

fn deduct(order: Deduction) -> Command {
    const GOOD: &str = "benches make good names and numbers";
    let line =
        Line { sku: Sku::parse(order.sku).expect(GOOD), quantity: Quantity::parse(1).expect(GOOD) };
    Command::Deduct(Placement {
        order_id: OrderId::parse(order.order_id).expect(GOOD),
        lines: Items::parse(vec![line]).expect(GOOD),
        ship_to: None,
        mode: Mode::DeductOnOrder,
        strategy: Strategy::Priority,
        ttl: Seconds::parse(900).expect(GOOD),
        allow_partial: false,
        request_id: None,
        left_out: LeftOut::default(),
    })
}
