//! Faults of the host beside those of the guest, on their way to the caller.

use std::time::Duration;

pub(super) use inventory_json::refusal::*;

use super::problem::Problem;
use crate::shard;

/// Our own failure: who is to blame stays in the log, whether to retry goes to the caller.
pub(super) fn failed(error: &shard::Error) -> Problem {
    let problem = match error {
        shard::Error::Fault(fault) => return faulted(fault),
        shard::Error::QueueFull => Problem::new(&QUEUE_FULL, NOTHING_DONE),
        shard::Error::Stopping => Problem::new(&STOPPING, NOTHING_DONE),
        shard::Error::Timeout | shard::Error::Stopped => Problem::new(&TIMEOUT, NOTHING_DONE),
        shard::Error::Trapped(cause) => {
            internal(&TRAPPED, "nothing was done; retrying would fail the same way", cause)
        }
    };
    match error.retryable() {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    }
}

/// A write whose answer did not come: it may still be committed.
pub(super) fn outcome_unknown(waited: Duration) -> Problem {
    let waited = humantime::format_duration(waited);
    let detail = format!(
        "no answer within {waited}: the outcome is unknown; sending the same ids and body again \
         is safe"
    );
    Problem::new(&TIMEOUT, detail).retry_after(1)
}

#[cfg(test)]
mod tests {
    use inventory_json::contract::types::Fault;

    use super::*;

    #[test]
    fn a_fault_tells_whether_to_retry_and_hides_its_cause() {
        use shard::Error;
        let secret = || "SELECT secret".to_owned();
        for (error, status, retry) in [
            (Error::QueueFull, 503, true),
            (Error::Stopping, 503, true),
            (Error::Timeout, 503, true),
            (Error::Stopped, 503, true),
            (Error::Fault(Fault::Busy), 503, true),
            (Error::Fault(Fault::Storage(secret())), 500, false),
            (Error::Trapped(secret()), 500, false),
        ] {
            let problem = failed(&error);
            assert_eq!(problem.kind.status.as_u16(), status, "{error:?}");
            assert_eq!(problem.retry_after_s.is_some(), retry, "{error:?}");
            assert_eq!(error.retryable().is_some(), retry, "{error:?}");
            assert!(!problem.detail.contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn no_code_means_two_things() {
        let tables = [
            super::super::problem::WIRE_KINDS,
            REFUSAL_KINDS,
            FAULT_KINDS,
            super::super::guest::GUEST_KINDS,
        ];
        let mut codes: Vec<&str> = tables.into_iter().flatten().map(|kind| kind.code).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}
