//! The orders that benches send: each deducts one unit of one sku.

/// Units of each sku: more than any run sells.
pub(crate) const ENOUGH: u32 = 2_000_000_000;

/// A sku by its number.
pub(crate) fn sku(number: u32) -> String {
    format!("S{number:06}")
}

/// One unit of one sku for an order of its own.
#[derive(Clone)]
pub(crate) struct Deduction {
    pub(crate) order_id: String,
    pub(crate) sku: String,
}

/// Which skus are sold.
#[derive(Clone, Copy)]
pub(crate) enum Choice {
    /// Any of the first so many.
    Random(u32),
    /// Always the first.
    Hot,
}

/// An endless source of orders, the same in every run.
pub(crate) struct Orders {
    choice: Choice,
    next: u64,
}

impl Orders {
    pub(crate) fn new(choice: Choice) -> Self {
        Self { choice, next: 0 }
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<Deduction> {
        (0..count).map(|_| self.one()).collect()
    }

    fn one(&mut self) -> Deduction {
        self.next += 1;
        let number = match self.choice {
            Choice::Hot => 0,
            Choice::Random(skus) => {
                u32::try_from(scatter(self.next) % u64::from(skus)).expect("less than skus")
            }
        };
        Deduction { order_id: format!("order-{:012}", self.next), sku: sku(number) }
    }
}

/// `SplitMix64`: spreads consecutive numbers over all of them.
fn scatter(number: u64) -> u64 {
    let z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
