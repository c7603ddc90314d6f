//! Private mount, network and process namespaces that stand for a node: every port is free in them,
//! and whatever is left over ends with them. Tests and benches share this file.

use std::{
    path::Path,
    process::{Command, Output},
};

/// The runtime that `k3s/node/install` puts on a node.
pub(crate) const RUNTIME: &str = "/opt/edge-inventory/bin/crun-wasmedge";

/// Set inside the namespaces.
pub(crate) const INSIDE: &str = "EDGE_INVENTORY_TEST_INSIDE";
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

/// Why there cannot be one on this machine.
pub(crate) fn permitted() -> Result<(), String> {
    let output = unshare(&["true"]);
    let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(why) }
}

/// Runs this program again, on a node of its own.
pub(crate) fn again_inside(arguments: &[&str]) -> Output {
    let program = std::env::current_exe().unwrap();
    unshare(&[&[program.to_str().unwrap()], arguments].concat())
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
