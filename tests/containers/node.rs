//! A node of one test's own, on which the rest of the test runs.

use std::io::Write;

use super::namespace::{INSIDE, again_inside, permitted};

/// Set where a machine without namespaces is a failure, as in CI.
const REQUIRED: &str = "EDGE_INVENTORY_TEST_NAMESPACES";

/// Runs `body` on a node of its own; `test` is the name of the test that calls this, by which the
/// test program finds it again inside. Says so, and passes, where namespaces are not permitted.
pub(crate) fn on_a_node(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    if let Err(why) = permitted() {
        assert!(std::env::var_os(REQUIRED).is_none(), "{test} needs namespaces: {why}");
        // Not eprintln!, which the test program would swallow.
        let _ = writeln!(std::io::stderr(), "skipped {test}: namespaces are not permitted: {why}");
        return;
    }
    let output = again_inside(&["--exact", test, "--nocapture"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "on its node:\n{said}\n{complained}");
    assert!(said.contains("test result: ok. 1 passed"), "{test} is not its name:\n{said}");
}
