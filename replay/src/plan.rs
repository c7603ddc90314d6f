//! What will be asked of the server, in the order of the stream: decided before the first request,
//! from the feed alone. The same feed and terms give the same plan, down to every identity, which
//! is why a replay may be interrupted anywhere and run again.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

use crate::feed::{Feed, Invoice, Kind, Link, UNITS_MAX};
use crate::network::Network;

/// The most lines an order may have (api.md). A longer invoice becomes several orders.
const ORDER_LINES_MAX: usize = 1_000;

/// How much is sellable before the first order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialStock {
    /// All that is ever sold: every order succeeds.
    Sufficient,
    /// Six tenths of what is sold, rounded up: the server must refuse orders.
    Scarce,
}

/// What to make of a feed.
pub struct Terms {
    /// What is sellable before the first order.
    pub initial_stock: InitialStock,
    /// Stream time from payment to shipping. A cancel within it is a release, a later one a return.
    pub ship_after: Duration,
    /// Only this many sale invoices, from the first, and what became of them.
    pub orders_max: usize,
}

/// Everything to do. The indices of its parts point into its own lists.
pub struct Plan {
    /// Every sku of the file.
    pub skus: Vec<Box<str>>,
    /// Sellable units of each sku before the first order; 0 where none of it is sold.
    pub initial: Vec<u32>,
    /// Every order that is placed.
    pub orders: Vec<Order>,
    /// The lines of all of them.
    pub order_lines: Vec<Line>,
    /// What is given back, or asked back too late.
    pub releases: Vec<Release>,
    /// In stream order; the steps of one order must be done one after the other.
    pub steps: Vec<Step>,
    /// Where orders go, and from where; without one they go nowhere in particular.
    pub network: Option<Network>,
    /// Units on cancel lines that no link ties to a sale, and that are therefore not replayed.
    pub unlinked_units: u64,
}

/// One order.
pub struct Order {
    /// The invoice's number, or a part of it.
    pub id: Box<str>,
    /// Its part of `Plan::order_lines`.
    pub lines: Range<usize>,
}

/// Units of a sku.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Which, of `Plan::skus`.
    pub sku: u32,
    /// How many.
    pub quantity: u32,
}

/// What one cancel invoice asks back of one order, each sku once.
pub struct Release {
    /// The cancel invoice's number.
    pub request_id: Box<str>,
    /// What comes back.
    pub lines: Vec<Line>,
}

/// One thing to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Of which of `Plan::orders`.
    pub order: u32,
    /// What.
    pub action: Action,
}

/// What is asked for; numbers are indices into `Plan::releases`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Hold the order's lines.
    Reserve,
    /// It is paid.
    Confirm,
    /// Gives units back, and leaves others held.
    Release(u32),
    /// Gives back the last that was held.
    ReleaseRest(u32),
    /// It leaves.
    Ship,
    /// Asks units back that have shipped: the server must refuse.
    Return(u32),
}

/// A feed that no server could be asked to hold.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each case's message says what it is")]
pub enum PlanError {
    #[error("{sku} is sold {units} times in all, and a counter holds at most {UNITS_MAX}")]
    TooManyUnits { sku: String, units: u64 },
    #[error("invoice {0} has the name of a part of another invoice")]
    SameName(String),
    #[error("the file has no sale")]
    NoSale,
}

/// The orders of each sale invoice, by the invoice's index.
type OrdersOf = HashMap<usize, Range<u32>>;

impl Plan {
    /// The same for the same feed and terms.
    pub fn new(feed: Feed, terms: &Terms) -> Result<Self, PlanError> {
        let mut plan = Self {
            skus: vec![],
            initial: vec![],
            orders: vec![],
            order_lines: vec![],
            releases: vec![],
            steps: vec![],
            network: None,
            unlinked_units: unlinked_units(&feed),
        };
        let orders_of = plan.add_orders(&feed, terms.orders_max);
        plan.check_names()?;
        plan.add_steps(&feed, &orders_of, terms.ship_after.as_secs());
        plan.skus = feed.skus;
        plan.set_initial(terms.initial_stock)?;
        Ok(plan)
    }

    /// The order that a step is about.
    pub fn order(&self, step: Step) -> &Order {
        &self.orders[step.order as usize]
    }

    /// An order's lines.
    pub fn lines(&self, order: &Order) -> &[Line] {
        &self.order_lines[order.lines.clone()]
    }

    /// A sku's name.
    pub fn sku(&self, sku: u32) -> &str {
        &self.skus[sku as usize]
    }

    /// The skus that are sold, as indices.
    pub fn sold_skus(&self) -> Vec<u32> {
        let sold = (0..).zip(&self.initial).filter(|(_, units)| **units > 0);
        sold.map(|(sku, _)| sku).collect()
    }

    /// The first sale invoices as orders; one with too many lines in parts, `N`, `N.2`, `N.3`, ….
    fn add_orders(&mut self, feed: &Feed, orders_max: usize) -> OrdersOf {
        let is_sale = |(_, invoice): &(usize, &Invoice)| invoice.kind == Kind::Sale;
        let mut orders_of = OrdersOf::new();
        for (index, invoice) in feed.invoices.iter().enumerate().filter(is_sale).take(orders_max) {
            let first = self.orders.len();
            let parts = feed.lines[invoice.lines.clone()].chunks(ORDER_LINES_MAX);
            for (part, lines) in (1..).zip(parts) {
                let id = match part {
                    1 => invoice.number.clone(),
                    _ => format!("{}.{part}", invoice.number).into(),
                };
                let start = self.order_lines.len();
                let lines =
                    lines.iter().map(|line| Line { sku: line.sku, quantity: line.quantity });
                self.order_lines.extend(lines);
                self.orders.push(Order { id, lines: start..self.order_lines.len() });
            }
            orders_of.insert(index, index_of(first)..index_of(self.orders.len()));
        }
        orders_of
    }

    fn check_names(&self) -> Result<(), PlanError> {
        let mut ids: Vec<&str> = self.orders.iter().map(|order| &*order.id).collect();
        ids.sort_unstable();
        match ids.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(PlanError::SameName(pair[0].to_owned())),
            None if ids.is_empty() => Err(PlanError::NoSale),
            None => Ok(()),
        }
    }

    /// Orders are paid when they are placed, and ship `ship_after_s` later unless the stream ends
    /// before: those stay committed.
    fn add_steps(&mut self, feed: &Feed, orders_of: &OrdersOf, ship_after_s: u64) {
        let undos = undos(feed, orders_of);
        let placed = orders_of.keys().map(|invoice| feed.invoices[*invoice].at_s);
        let end = placed.chain(undos.iter().map(|undo| undo.at_s)).max().unwrap_or(0);
        let mut steps = Vec::new();
        for (index, invoice) in feed.invoices.iter().enumerate() {
            let ship = invoice.at_s.saturating_add(ship_after_s);
            for order in orders_of.get(&index).cloned().unwrap_or_default() {
                let first = undos.partition_point(|undo| undo.order < order);
                let next = undos.partition_point(|undo| undo.order <= order);
                let moments = Moments { placed: invoice.at_s, ship, end };
                let actions = self.add_life(feed, order, &undos[first..next], &moments);
                steps.extend(actions.map(|(at_s, action)| (at_s, Step { order, action })));
            }
        }
        // Stable: at the same minute, an order's steps stay in their own order.
        steps.sort_by_key(|(at_s, _)| *at_s);
        self.steps = steps.into_iter().map(|(_, step)| step).collect();
    }

    /// What happens to one order, and when.
    fn add_life(
        &mut self,
        feed: &Feed,
        order: u32,
        undos: &[Undo],
        moments: &Moments,
    ) -> impl Iterator<Item = (u64, Action)> + use<> {
        let mut held = units(self.lines(&self.orders[order as usize]));
        let mut life = vec![(moments.placed, Action::Reserve), (moments.placed, Action::Confirm)];
        let mut returns = Vec::new();
        for undo in undos.chunk_by(|one, next| one.cancel == next.cancel) {
            let release = Undo::to_release(undo, feed);
            let at_s = undo[0].at_s;
            let index = index_of(self.releases.len());
            if at_s >= moments.ship {
                returns.push((at_s, Action::Return(index)));
            } else {
                held -= units(&release.lines);
                let action = if held > 0 { Action::Release } else { Action::ReleaseRest };
                life.push((at_s, action(index)));
            }
            self.releases.push(release);
        }
        if held > 0 && moments.ship <= moments.end {
            life.push((moments.ship, Action::Ship));
        }
        life.into_iter().chain(returns)
    }

    fn set_initial(&mut self, stock: InitialStock) -> Result<(), PlanError> {
        let mut sold = vec![0_u64; self.skus.len()];
        for line in &self.order_lines {
            sold[line.sku as usize] += u64::from(line.quantity);
        }
        for (sku, units) in (0..).zip(sold) {
            let initial = match stock {
                InitialStock::Sufficient => units,
                InitialStock::Scarce => (units * 6).div_ceil(10),
            };
            let bounded = u32::try_from(initial).ok().filter(|initial| *initial <= UNITS_MAX);
            let too_many = || PlanError::TooManyUnits { sku: self.sku(sku).to_owned(), units };
            self.initial.push(bounded.ok_or_else(too_many)?);
        }
        Ok(())
    }
}

/// The moments of an order's life that do not depend on cancels, in seconds since 1970.
struct Moments {
    placed: u64,
    ship: u64,
    /// The last thing that happens in the stream.
    end: u64,
}

/// A link, as the order it concerns sees it.
struct Undo {
    order: u32,
    at_s: u64,
    /// The cancel's index in the feed.
    cancel: usize,
    line: Line,
}

impl Undo {
    fn to_release(undos: &[Self], feed: &Feed) -> Release {
        let mut lines: Vec<Line> = Vec::new();
        for Line { sku, quantity } in undos.iter().map(|undo| undo.line) {
            match lines.iter_mut().find(|line| line.sku == sku) {
                Some(line) => line.quantity += quantity,
                None => lines.push(Line { sku, quantity }),
            }
        }
        Release { request_id: feed.invoices[undos[0].cancel].number.clone(), lines }
    }
}

/// The links of the orders that are replayed, by order, then time, then cancel invoice.
fn undos(feed: &Feed, orders_of: &OrdersOf) -> Vec<Undo> {
    let undo = |link: &Link| {
        let orders = orders_of.get(&link.sale)?;
        let part = (link.sale_line - feed.invoices[link.sale].lines.start) / ORDER_LINES_MAX;
        Some(Undo {
            order: orders.start + index_of(part),
            at_s: feed.invoices[link.cancel].at_s,
            cancel: link.cancel,
            line: Line { sku: feed.lines[link.sale_line].sku, quantity: link.quantity },
        })
    };
    let mut undos: Vec<_> = feed.links.iter().filter_map(undo).collect();
    undos.sort_by_key(|undo| (undo.order, undo.at_s, undo.cancel));
    undos
}

fn unlinked_units(feed: &Feed) -> u64 {
    let cancels = feed.invoices.iter().filter(|invoice| invoice.kind == Kind::Cancel);
    let lines = cancels.flat_map(|invoice| &feed.lines[invoice.lines.clone()]);
    let cancelled: u64 = lines.map(|line| u64::from(line.quantity)).sum();
    let linked: u64 = feed.links.iter().map(|link| u64::from(link.quantity)).sum();
    cancelled.saturating_sub(linked)
}

/// The units of all lines.
pub fn units(lines: &[Line]) -> u64 {
    lines.iter().map(|line| u64::from(line.quantity)).sum()
}

fn index_of(position: usize) -> u32 {
    u32::try_from(position).expect("as many lines would not fit the memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{LINKS, ORDERS, Sample};

    const DAY: Duration = Duration::from_hours(24);

    fn plan(orders: &str, links: Option<&str>, terms: &Terms) -> Result<Plan, PlanError> {
        let sample = Sample::new(orders, links);
        Plan::new(Feed::read(sample.path()).unwrap(), terms)
    }

    fn terms() -> Terms {
        let initial_stock = InitialStock::Sufficient;
        Terms { initial_stock, ship_after: DAY, orders_max: usize::MAX }
    }

    /// The steps as words: `reserve 1`, `release 1 C1 B2`.
    fn words(plan: &Plan) -> Vec<String> {
        let word = |step: &Step| {
            let id = &plan.order(*step).id;
            let (name, release) = match step.action {
                Action::Reserve => ("reserve", None),
                Action::Confirm => ("confirm", None),
                Action::Release(release) => ("release", Some(release)),
                Action::ReleaseRest(release) => ("release rest", Some(release)),
                Action::Ship => ("ship", None),
                Action::Return(release) => ("return", Some(release)),
            };
            let mut word = format!("{name} {id}");
            if let Some(release) = release.map(|release| &plan.releases[release as usize]) {
                let line = |line: &Line| format!("{}{}", plan.sku(line.sku), line.quantity);
                let lines: Vec<_> = release.lines.iter().map(line).collect();
                word = format!("{word} {} {}", release.request_id, lines.join(" "));
            }
            word
        };
        plan.steps.iter().map(word).collect()
    }

    #[test]
    fn a_cancel_before_shipping_is_a_release_and_a_later_one_a_return() {
        let plan = plan(ORDERS, Some(LINKS), &terms()).unwrap();
        assert_eq!(
            words(&plan),
            [
                "reserve 1",
                "confirm 1",
                "reserve 2",
                "confirm 2",
                "release 1 C1 B2",
                "release 2 C1 C1",
                "ship 1",
                "ship 2",
                "return 1 C2 A1",
                "reserve 3",
                "confirm 3",
            ]
        );
        assert_eq!(plan.initial, [9, 5, 5]);
        assert_eq!(plan.unlinked_units, 0);
    }

    #[test]
    fn an_order_that_is_cancelled_whole_does_not_ship() {
        let links = "\
            cancel_invoice,cancel_line,sale_invoice,sale_line,qty\n\
            C1,2,2,1,5\nC1,1,2,3,1\n";
        let plan = plan(ORDERS, Some(links), &terms()).unwrap();
        let words = words(&plan);
        assert!(words.contains(&"release rest 2 C1 C5 B1".into()), "{words:?}");
        assert!(words.contains(&"ship 1".into()) && !words.contains(&"ship 2".into()));
    }

    #[test]
    fn a_limit_takes_the_first_orders_and_all_their_cancels() {
        let plan = plan(ORDERS, Some(LINKS), &Terms { orders_max: 1, ..terms() }).unwrap();
        let steps = ["reserve 1", "confirm 1", "release 1 C1 B2", "ship 1", "return 1 C2 A1"];
        assert_eq!(words(&plan), steps);
        assert_eq!(plan.initial, [7, 4, 0]);
        assert_eq!(plan.sold_skus(), [0, 1]);
    }

    #[test]
    fn scarce_stock_is_six_tenths_rounded_up_and_links_may_be_missing() {
        let terms = Terms { initial_stock: InitialStock::Scarce, ..terms() };
        let plan = plan(ORDERS, None, &terms).unwrap();
        assert_eq!(plan.initial, [6, 3, 3]);
        assert_eq!(plan.unlinked_units, 4);
        assert!(plan.releases.is_empty());
    }

    #[test]
    fn an_invoice_too_long_for_an_order_becomes_parts() {
        let rows: Vec<_> =
            (1..=2_001).map(|row| format!("7,{row},A,1,2010-12-01T08:00:00,sale\n")).collect();
        let orders = format!(
            "invoice_no,line_no,sku,qty,ts,kind\n{}C7,1,A,1,2010-12-01T09:00:00,cancel\n",
            rows.concat()
        );
        let links = "cancel_invoice,cancel_line,sale_invoice,sale_line,qty\nC7,1,7,1001,1\n";
        let whole = plan(&orders, Some(links), &terms()).unwrap();
        let sizes = whole.orders.iter().map(|order| (&*order.id, order.lines.len()));
        assert_eq!(sizes.collect::<Vec<_>>(), [("7", 1_000), ("7.2", 1_000), ("7.3", 1)]);
        assert_eq!(words(&whole).last().unwrap(), "release 7.2 C7 A1");

        let clash = orders + "7.2,1,A,1,2010-12-02T08:00:00,sale\n";
        assert!(
            matches!(plan(&clash, None, &terms()), Err(PlanError::SameName(id)) if id == "7.2")
        );
    }

    #[test]
    fn more_units_than_a_counter_holds_are_refused() {
        let line = "A,2147483647,2010-12-01T08:00:00,sale\n";
        let orders = format!("invoice_no,line_no,sku,qty,ts,kind\n1,1,{line}2,1,{line}");
        let error = plan(&orders, None, &terms()).err().unwrap().to_string();
        assert_eq!(
            error,
            "A is sold 4294967294 times in all, and a counter holds at most 2147483647"
        );
        let none = plan("invoice_no,line_no,sku,qty,ts,kind\n", None, &terms());
        assert!(matches!(none, Err(PlanError::NoSale)));
    }
}
