//! The JSON of the HTTP contract, as far as a replay speaks it.

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize, Serializer};

use inventory_replay::network::Network;
use inventory_replay::outcome::{Outcome, State};
use inventory_replay::plan::{Action, Line, Order, Plan, Step};

/// Reserved units must outlive an interruption between reserve and confirm.
const TTL_S: u32 = 7 * 86_400;

const PATH_SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A step's own call.
pub(super) fn path(order: &Order, action: Action) -> String {
    format!("{}/{}", order_path(order), operation(action))
}

/// Where an order is read.
pub(super) fn order_path(order: &Order) -> String {
    format!("/v1/orders/{}", utf8_percent_encode(&order.id, PATH_SEGMENT))
}

/// The body of a step's own call.
pub(super) fn body(plan: &Plan, step: Step) -> Bytes {
    render(&Body::new(plan, step))
}

/// A step as one of a batch's commands.
pub(super) fn command(plan: &Plan, step: Step) -> Vec<u8> {
    let body = Body { order_id: Some(&plan.order(step).id), ..Body::new(plan, step) };
    to_vec(&Command { operation: operation(step.action), body })
}

/// A batch of commands that are rendered already.
pub(super) fn batch(commands: &[(Step, Vec<u8>)]) -> Bytes {
    let mut batch = b"{\"commands\":[".to_vec();
    for (index, (_, command)) in commands.iter().enumerate() {
        if index > 0 {
            batch.push(b',');
        }
        batch.extend_from_slice(command);
    }
    batch.extend_from_slice(b"]}");
    batch.into()
}

/// Sets the sellable units of these skus, once however often it is sent.
pub(super) fn initial_stock(plan: &Plan, skus: &[u32], request_id: &str) -> Bytes {
    let items = Items { plan, skus };
    render(&Adjust { reason: "initial stock of a replay", request_id, items })
}

/// Sets other counters, once however often it is sent.
pub(super) fn adjustment(items: &[serde_json::Value], request_id: &str) -> Bytes {
    let reason = "initial stock of a replay";
    render(&serde_json::json!({"reason": reason, "request_id": request_id, "items": items}))
}

/// Asks for the stock of these skus.
pub(super) fn stock_query(plan: &Plan, skus: &[u32]) -> Bytes {
    render(&StockQuery { skus: skus.iter().map(|sku| plan.sku(*sku)).collect() })
}

/// Asks the server to check itself.
pub(super) fn audit() -> Bytes {
    Bytes::from_static(b"{}")
}

/// The answer to a step's own call.
pub(super) fn outcome(succeeded: Succeeded, body: &[u8]) -> Outcome {
    match succeeded {
        Succeeded::Yes => done(serde_json::from_slice(body)),
        Succeeded::No => match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => Outcome::Refused(problem.code),
            Err(error) => Outcome::Refused(unreadable(&error)),
        },
    }
}

/// Why an answer is a no, for people to read; nothing where its body does not say.
pub(super) fn code(body: &[u8]) -> String {
    serde_json::from_slice::<Problem>(body).map(|problem| problem.code).unwrap_or_default()
}

/// Whether an answer's status says that the operation was carried out.
#[derive(Clone, Copy)]
pub(super) enum Succeeded {
    Yes,
    No,
}

/// The answer to a batch: an outcome for each command, and whether it was given before.
pub(super) fn outcomes(body: &[u8]) -> Result<Vec<(Outcome, bool)>, serde_json::Error> {
    let answer: BatchAnswer = serde_json::from_slice(body)?;
    let outcome = |outcome: BatchOutcome| match outcome {
        BatchOutcome { ok: Some(answer), replayed, .. } => (done(Ok(answer)), replayed),
        BatchOutcome { refused: Some(problem), replayed, .. } => {
            (Outcome::Refused(problem.code), replayed)
        }
        BatchOutcome { fault: Some(problem), .. } => match problem.retry_after_s {
            Some(_) => (Outcome::Undecided(problem.code), false),
            None => (Outcome::Refused(problem.code), false),
        },
        _ => (Outcome::Refused("empty_outcome".into()), false),
    };
    Ok(answer.outcomes.into_iter().map(outcome).collect())
}

/// The stock of a sku, as far as orders without a warehouse move it.
#[derive(Deserialize)]
pub(super) struct Stock {
    pub(super) sku: String,
    pub(super) sellable: u64,
    pub(super) reserved: u64,
    pub(super) committed: u64,
}

#[derive(Deserialize)]
pub(super) struct StockAnswer {
    pub(super) stock: Vec<Stock>,
    pub(super) unknown: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct OrderView {
    pub(super) state: State,
    pub(super) lines: Vec<OrderLine>,
}

#[derive(Deserialize)]
pub(super) struct OrderLine {
    pub(super) sku: String,
    pub(super) quantity: u64,
    pub(super) reserved: u64,
    pub(super) committed: u64,
    pub(super) shipped: u64,
    pub(super) released: u64,
}

#[derive(Deserialize)]
pub(super) struct Audit {
    pub(super) ok: bool,
    pub(super) checked: serde_json::Map<String, serde_json::Value>,
    pub(super) differences: Vec<AuditDifference>,
}

#[derive(Deserialize)]
pub(super) struct AuditDifference {
    pub(super) invariant: String,
    pub(super) subject: String,
    pub(super) expected: String,
    pub(super) actual: String,
}

#[derive(Deserialize)]
struct OrderAnswer {
    state: State,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    retry_after_s: Option<u32>,
}

#[derive(Deserialize)]
struct BatchAnswer {
    outcomes: Vec<BatchOutcome>,
}

#[derive(Deserialize)]
struct BatchOutcome {
    ok: Option<OrderAnswer>,
    refused: Option<Problem>,
    fault: Option<Problem>,
    replayed: bool,
}

fn done(answer: Result<OrderAnswer, serde_json::Error>) -> Outcome {
    match answer {
        Ok(answer) => Outcome::Done(answer.state),
        Err(error) => Outcome::Refused(unreadable(&error)),
    }
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("an answer outside the contract: {error}")
}

fn operation(action: Action) -> &'static str {
    match action {
        Action::Reserve => "reserve",
        Action::Confirm => "confirm",
        Action::Ship => "ship",
        Action::Release(_) | Action::ReleaseRest(_) | Action::Return(_) => "release",
    }
}

/// The fields of every operation; each has those it knows.
#[derive(Serialize, Default)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Lines<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ship_to: Option<ShipTo<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl_s: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn new(plan: &'a Plan, step: Step) -> Self {
        let (release, reason) = match step.action {
            Action::Reserve => {
                let lines = Some(Lines { plan, lines: plan.lines(plan.order(step)) });
                let to = |network: &'a Network| &*network.destinations[step.order as usize];
                let ship_to = plan.network.as_ref().map(|it| ShipTo { adcode: to(it) });
                let mode = Some("reserve_on_order");
                return Self { lines, ship_to, mode, ttl_s: Some(TTL_S), ..Self::default() };
            }
            Action::Confirm | Action::Ship => return Self::default(),
            Action::Release(release) | Action::ReleaseRest(release) => (release, "cancel"),
            Action::Return(release) => (release, "refund"),
        };
        let release = &plan.releases[release as usize];
        let lines = Some(Lines { plan, lines: &release.lines });
        let request_id = Some(&*release.request_id);
        Self { lines, reason: Some(reason), request_id, ..Self::default() }
    }
}

#[derive(Serialize)]
struct ShipTo<'a> {
    adcode: &'a str,
}

struct Lines<'a> {
    plan: &'a Plan,
    lines: &'a [Line],
}

impl Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct View<'a> {
            sku: &'a str,
            quantity: u32,
        }
        serializer.collect_seq(
            self.lines
                .iter()
                .map(|line| View { sku: self.plan.sku(line.sku), quantity: line.quantity }),
        )
    }
}

struct Command<'a> {
    operation: &'static str,
    body: Body<'a>,
}

impl Serialize for Command<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.operation, &self.body)])
    }
}

#[derive(Serialize)]
struct Adjust<'a> {
    reason: &'static str,
    request_id: &'a str,
    items: Items<'a>,
}

struct Items<'a> {
    plan: &'a Plan,
    skus: &'a [u32],
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Item<'a> {
            sku: &'a str,
            sellable: Set,
        }
        #[derive(Serialize)]
        struct Set {
            set: u32,
        }
        let Self { plan, skus } = *self;
        serializer.collect_seq(skus.iter().map(|sku| Item {
            sku: plan.sku(*sku),
            sellable: Set { set: plan.initial[*sku as usize] },
        }))
    }
}

#[derive(Serialize)]
struct StockQuery<'a> {
    skus: Vec<&'a str>,
}

fn render<T: Serialize>(value: &T) -> Bytes {
    to_vec(value).into()
}

fn to_vec<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("bodies have text keys and whole numbers only")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{LINKS, ORDERS, Sample};
    use super::*;
    use inventory_replay::Feed;
    use inventory_replay::plan::{InitialStock, Terms};

    fn plan() -> Plan {
        let sample = Sample::new(ORDERS, Some(LINKS));
        let (initial_stock, ship_after) = (InitialStock::Sufficient, Duration::from_hours(24));
        let terms = Terms { initial_stock, ship_after, orders_max: 1 };
        Plan::new(Feed::read(sample.path()).unwrap(), &terms).unwrap()
    }

    #[test]
    fn every_step_has_its_path_and_body() {
        let plan = plan();
        let calls = plan.steps.iter().map(|step| {
            let body = String::from_utf8(body(&plan, *step).to_vec()).unwrap();
            format!("{} {body}", path(plan.order(*step), step.action))
        });
        assert_eq!(
            calls.collect::<Vec<_>>(),
            [
                "/v1/orders/1/reserve {\"lines\":[{\"sku\":\"A\",\"quantity\":6},\
                 {\"sku\":\"B\",\"quantity\":4},{\"sku\":\"A\",\"quantity\":1}],\
                 \"mode\":\"reserve_on_order\",\"ttl_s\":604800}",
                "/v1/orders/1/confirm {}",
                "/v1/orders/1/release {\"lines\":[{\"sku\":\"B\",\"quantity\":2}],\
                 \"reason\":\"cancel\",\"request_id\":\"C1\"}",
                "/v1/orders/1/ship {}",
                "/v1/orders/1/release {\"lines\":[{\"sku\":\"A\",\"quantity\":1}],\
                 \"reason\":\"refund\",\"request_id\":\"C2\"}",
            ]
        );
        let steps = [plan.steps[1], plan.steps[3]].map(|step| (step, command(&plan, step)));
        assert_eq!(
            &*batch(&steps),
            br#"{"commands":[{"confirm":{"order_id":"1"}},{"ship":{"order_id":"1"}}]}"#
        );
        let odd = Order { id: "a/b?c".into(), lines: 0..0 };
        assert_eq!(order_path(&odd), "/v1/orders/a%2Fb%3Fc");
    }

    #[test]
    fn outcomes_are_read_alone_and_from_a_batch() {
        let done = outcome(Succeeded::Yes, br#"{"order_id":"1","state":"partially_released"}"#);
        assert_eq!(done, Outcome::Done(State::PartiallyReleased));
        let refused = outcome(Succeeded::No, br#"{"code":"already_shipped","held":0}"#);
        assert_eq!(refused, Outcome::Refused("already_shipped".into()));
        let odd = outcome(Succeeded::Yes, b"<html>");
        assert!(matches!(odd, Outcome::Refused(why) if why.contains("outside the contract")));

        let answer = br#"{"outcomes":[
            {"ok":{"order_id":"1","state":"shipped"},"replayed":true},
            {"refused":{"code":"insufficient_stock","shortages":[]},"replayed":false},
            {"fault":{"code":"queue_full","retry_after_s":1},"replayed":false},
            {"fault":{"code":"trapped"},"replayed":false}]}"#;
        assert_eq!(
            outcomes(answer).unwrap(),
            [
                (Outcome::Done(State::Shipped), true),
                (Outcome::Refused("insufficient_stock".into()), false),
                (Outcome::Undecided("queue_full".into()), false),
                (Outcome::Refused("trapped".into()), false),
            ]
        );
    }
}
