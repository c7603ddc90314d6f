//! A node of one test's own: the rest of the test runs in private mount, network and process
//! namespaces, where every port is free and whatever is left over ends with it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output},
};

/// The runtime that `k3s/node/install` puts on a node.
pub(crate) const RUNTIME: &str = "/opt/edge-inventory/bin/crun-wasmedge";

/// Set inside the namespaces.
const INSIDE: &str = "EDGE_INVENTORY_TEST_INSIDE";
/// Set where a machine without namespaces is a failure, as in CI.
const REQUIRED: &str = "EDGE_INVENTORY_TEST_NAMESPACES";

const UNSHARE: [&str; 6] =
    ["--mount", "--net", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"];

/// crun refuses a machine with hybrid cgroups: without the unified one it uses the v1 controllers.
/// The sockets of containerd's shims are in /run, and crun's wrapper is in /opt.
const SET_UP: &str = "set -e
ip link set lo up
if mountpoint -q /sys/fs/cgroup/unified; then umount -l /sys/fs/cgroup/unified; fi
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /opt
exec \"$@\"";

/// Runs `body` on a node of its own; `test` is the name of the test that calls this, by which the
/// test program finds it again inside. Says so, and passes, where namespaces are not permitted.
pub(crate) fn on_a_node(test: &str, body: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return body();
    }
    let possible = unshare(&["true"]);
    if !possible.status.success() {
        let why = String::from_utf8_lossy(&possible.stderr).trim().to_owned();
        assert!(std::env::var_os(REQUIRED).is_none(), "{test} needs namespaces: {why}");
        // Not eprintln!, which the test program would swallow.
        let _ = writeln!(std::io::stderr(), "skipped {test}: namespaces are not permitted: {why}");
        return;
    }
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    let output = unshare(&[program, "--exact", test, "--nocapture"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "on its node:\n{said}\n{complained}");
    assert!(said.contains("test result: ok. 1 passed"), "{test} is not its name:\n{said}");
}

fn unshare(command: &[&str]) -> Output {
    Command::new("unshare")
        .args(UNSHARE)
        .args(["--", "sh", "-c", SET_UP, "sh"])
        .args(command)
        .env(INSIDE, "1")
        .output()
        .expect("unshare is part of Debian (util-linux)")
}

/// Sets the node up with `k3s/node/install`, below `folder` but for /opt.
pub(crate) fn install(folder: &Path) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut install = Command::new(repository.join("k3s/node/install"));
    install.arg("--libraries").arg(repository.join("target/release/lib"));
    let output = install.arg("--root").arg(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let copied = Command::new("cp").arg("-a").arg(folder.join("opt/.")).arg("/opt").status();
    assert!(copied.unwrap().success());
}
