//! The guest, for platform teams: what serves, installing another, going back.

use axum::http::HeaderValue;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json;
use super::problem::{Kind, Problem};
use super::refusal::STOPPING;
use super::route::Call;
use super::words::Instant;
use crate::hot_swap::{Error, Outcome, Standing, Status, Step, Upload, Version};

/// Holds the Ed25519 signature of the body, 128 hexadecimal digits.
const SIGNATURE: &str = "guest-signature";

inventory_json::kinds! { GUEST_KINDS:
    GUEST_REFUSED = "guest_refused", UNPROCESSABLE_ENTITY, "The guest is not one that may serve";
    GUEST_BUSY = "guest_busy", CONFLICT, "Another guest is being installed";
    GUEST_BACKING_OFF = "guest_backing_off", CONFLICT, "The guest was taken back a short while ago";
    UNKNOWN_GUEST = "unknown_guest", NOT_FOUND, "There is no such guest in the history";
    GUEST_FAILED = "guest_failed", INTERNAL_SERVER_ERROR, "The guest could not be installed";
    NO_COMPILER = "no_compiler", NOT_IMPLEMENTED, "This host cannot compile guests";
}

pub(super) async fn get(call: Call) -> Result<Response, Problem> {
    Ok(json::answer(&GuestStatus::from(&call.wire.hot_swap.status())))
}

/// Answers when the guest serves, or why it does not: a minute, where it has to be compiled.
pub(super) async fn put(mut call: Call) -> Result<Response, Problem> {
    // Read in any case: a sender whose body is not read sees no answer, but a broken connection.
    let bytes_max = call.wire.hot_swap.guest_bytes_max();
    let bytes = json::receive(&mut call, bytes_max).await?.to_vec();
    let may_migrate = match call.uri.query() {
        None | Some("" | "migrate=false") => false,
        Some("migrate=true") => true,
        Some(_) => {
            return Err(Problem::malformed_parameter("migrate", "true or false, and nothing else"));
        }
    };
    let signature = call.headers.get(SIGNATURE).map(HeaderValue::to_str).transpose();
    let signature = signature
        .map_err(|_| Problem::malformed_parameter(SIGNATURE, "128 hexadecimal digits"))?
        .map(str::to_owned);
    let upload = Upload { bytes, signature, source: "upload".to_owned(), may_migrate };
    let hot_swap = call.wire.hot_swap.clone();
    finished(tokio::task::spawn_blocking(move || hot_swap.install(&upload)).await)
}

pub(super) async fn roll_back(mut call: Call) -> Result<Response, Problem> {
    if call.uri.query().is_some_and(|query| !query.is_empty()) {
        let detail = "none is known; the digest to go back to stands in the body";
        return Err(Problem::malformed_parameter("query", detail));
    }
    let RollBack { digest } = json::read_or_default(&mut call).await?;
    let hot_swap = call.wire.hot_swap.clone();
    let reason = "asked by an operator";
    let back = move || hot_swap.roll_back(digest.as_deref(), reason);
    finished(tokio::task::spawn_blocking(back).await)
}

fn finished(joined: Result<Outcome, tokio::task::JoinError>) -> Result<Response, Problem> {
    let outcome =
        joined.map_err(|error| Problem::new(&GUEST_FAILED, format!("its thread: {error}")))?;
    match &outcome.result {
        Ok(()) => Ok(json::answer(&Installed::from(&outcome))),
        Err(error) => Err(problem(error)),
    }
}

fn problem(error: &Error) -> Problem {
    match error {
        Error::Refused { step, reason } => about(&GUEST_REFUSED, *step, reason),
        Error::Failed { step, reason } => {
            Problem { cause: Some(reason.clone()), ..about(&GUEST_FAILED, *step, reason) }
        }
        Error::Busy => Problem::new(&GUEST_BUSY, error.to_string()).retry_after(5),
        Error::BackingOff { reason, retry_in } => {
            let seconds = u32::try_from(retry_in.as_secs() + 1).unwrap_or(u32::MAX);
            Problem::new(&GUEST_BACKING_OFF, error.to_string())
                .with("reason", reason.as_str())
                .retry_after(seconds)
        }
        Error::UnknownVersion(_) => Problem::new(&UNKNOWN_GUEST, error.to_string()),
        Error::NoCompiler => {
            Problem::new(&NO_COMPILER, error.to_string()).with("step", Step::Compile.as_str())
        }
        Error::Stopping => Problem::new(&STOPPING, error.to_string()).retry_after(5),
    }
}

fn about(kind: &'static Kind, step: Step, reason: &str) -> Problem {
    Problem::new(kind, reason).with("step", step.as_str())
}

/// Which guest to go back to.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBack {
    /// Of the history; without it, the guest that served before.
    digest: Option<String>,
}

/// The guests of this node.
#[derive(Serialize, ToSchema)]
pub(super) struct GuestStatus {
    /// The one that serves among them; newest first.
    versions: Vec<GuestVersion>,
    /// A guest on its way in.
    under_way: Option<UnderWay>,
    /// What became of the last one, since the start.
    last: Option<Last>,
}

/// A guest that serves, served, or was taken back.
#[derive(Serialize, ToSchema)]
pub(super) struct GuestVersion {
    /// SHA-256 of the module without AOT code, in hexadecimal.
    digest: String,
    name: String,
    version: String,
    schema_version: u32,
    /// Where it came from.
    source: String,
    /// When it last began to serve.
    since: Instant,
    #[schema(value_type = String)]
    standing: Standing,
    /// Why it was taken back, if it was.
    taken_back: Option<String>,
}

/// A guest on its way in.
#[derive(Serialize, ToSchema)]
pub(super) struct UnderWay {
    digest: String,
    step: &'static str,
    /// How long it has been in this step.
    milliseconds: u64,
}

/// A guest that serves now.
#[derive(Serialize, ToSchema)]
pub(super) struct Installed {
    digest: String,
    /// None, where it served already.
    steps: Vec<TimedStep>,
}

/// What became of a guest.
#[derive(Serialize, ToSchema)]
pub(super) struct Last {
    digest: String,
    steps: Vec<TimedStep>,
    /// Why it does not serve.
    error: Option<String>,
}

/// A step and the time it took.
#[derive(Serialize, ToSchema)]
pub(super) struct TimedStep {
    step: &'static str,
    milliseconds: u64,
}

impl From<&Status> for GuestStatus {
    fn from(status: &Status) -> Self {
        let under_way = status.under_way.as_ref().map(|(digest, step, time)| UnderWay {
            digest: digest.clone(),
            step: step.as_str(),
            milliseconds: milliseconds(*time),
        });
        let last = status.last.as_ref().map(|outcome| Last {
            digest: outcome.digest.clone(),
            steps: steps(outcome),
            error: outcome.result.as_ref().err().map(ToString::to_string),
        });
        Self { versions: status.versions.iter().map(Into::into).collect(), under_way, last }
    }
}

impl From<&Version> for GuestVersion {
    fn from(version: &Version) -> Self {
        Self {
            digest: version.digest.clone(),
            name: version.name.clone(),
            version: version.version.clone(),
            schema_version: version.schema_version,
            source: version.source.clone(),
            since: Instant(i64::try_from(version.since_ms).unwrap_or(i64::MAX)),
            standing: version.standing,
            taken_back: version.failed.as_ref().map(|(_, reason)| reason.clone()),
        }
    }
}

impl From<&Outcome> for Installed {
    fn from(outcome: &Outcome) -> Self {
        Self { digest: outcome.digest.clone(), steps: steps(outcome) }
    }
}

fn steps(outcome: &Outcome) -> Vec<TimedStep> {
    let timed = |(step, time): &(Step, std::time::Duration)| TimedStep {
        step: step.as_str(),
        milliseconds: milliseconds(*time),
    };
    outcome.steps.iter().map(timed).collect()
}

fn milliseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
