//! What is not as it must be.

use std::fmt;

/// How many differences are kept to be shown; all are counted.
const SHOWN_MAX: usize = 20;

/// One fact that the server and the books disagree on.
#[derive(Debug, PartialEq)]
pub struct Difference {
    /// The sku or order.
    pub subject: String,
    /// The fact.
    pub what: String,
    /// What the books say.
    pub expected: String,
    /// What was found.
    pub actual: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, what, expected, actual } = self;
        write!(f, "{subject}: {what}: expected {expected}, is {actual}")
    }
}

/// The first differences, and how many there are in all.
#[derive(Default)]
pub struct Differences {
    /// All of them.
    pub count: usize,
    /// Those that are shown.
    pub first: Vec<Difference>,
}

impl Differences {
    /// One more.
    pub fn add(&mut self, difference: Difference) {
        self.count += 1;
        if self.first.len() < SHOWN_MAX {
            self.first.push(difference);
        }
    }

    /// Adds one when the two are not equal.
    pub fn compare<T: PartialEq + fmt::Debug>(
        &mut self,
        subject: impl FnOnce() -> String,
        what: &str,
        expected: &T,
        actual: &T,
    ) {
        if expected != actual {
            self.add(Difference {
                subject: subject(),
                what: what.to_owned(),
                expected: format!("{expected:?}"),
                actual: format!("{actual:?}"),
            });
        }
    }
}
