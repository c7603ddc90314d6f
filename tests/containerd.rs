//! Both images as pods of a K3s node: containerd with the template of `k3s/node`, driven over its
//! CRI socket as the kubelet does, with the pods of the development overlay.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::containers::{
    caller::Caller,
    cri::{
        CONTAINER_EXITED, Capability, ContainerConfig, ContainerStatus, ContainerStatusResponse,
        CreateContainerRequest, Cri, Id, Int64Value, KeyValue, LinuxContainerConfig,
        LinuxContainerResources, LinuxContainerSecurityContext, LinuxPodSandboxConfig,
        LinuxSandboxSecurityContext, Mount, NAMESPACE_OF_CONTAINER, NAMESPACE_OF_NODE,
        NamespaceOption, PodSandboxConfig, PodSandboxMetadata, RunPodSandboxRequest,
        SecurityProfile, StopContainerRequest,
    },
    image::archive,
    manifest::{Pod, render},
    namespace::install,
    node::on_a_node,
    trading::{assert_sales_are_kept, assert_trade_is_kept, sell_until, trade},
};

const PAUSE: &str = "localhost/edge-inventory/pause:1";
/// How long containerd may take to listen, on a busy machine.
const LISTEN_TIME: Duration = Duration::from_secs(30);
const CPU_PERIOD_US: i64 = 100_000;

/// A node: containerd, with its own folders. Ends when dropped.
struct Node {
    folder: PathBuf,
    containerd: Child,
    cri: Cri,
    pods: std::cell::Cell<u32>,
}

/// A pod that runs.
struct Running<'a> {
    node: &'a Node,
    sandbox: String,
    container: String,
    caller: Caller,
    grace: Duration,
}

impl Node {
    /// A node that has the image of this pod.
    fn start(folder: &Path, pod: &Pod) -> Self {
        install(folder);
        let config = folder.join("config.toml");
        fs::write(&config, configuration(folder)).unwrap();
        let containerd = Command::new("containerd")
            .arg("--config")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("containerd.log")).unwrap())
            .spawn()
            .expect("containerd is missing: `.ci/setup tests` installs it");
        let cri = Cri::new(&folder.join("containerd.sock"));
        let node = Self { folder: folder.to_owned(), containerd, cri, pods: 0.into() };
        let deadline = Instant::now() + LISTEN_TIME;
        while !node.cri.is_up() {
            assert!(Instant::now() < deadline, "containerd: {}", node.log("containerd.log"));
            std::thread::sleep(Duration::from_millis(20));
        }
        node.import(PAUSE, &pause_image(folder));
        node.import(&pod.image, &archive(pod.image_name()));
        node
    }

    /// Imports an image, and waits until the CRI plugin has taken note of it.
    fn import(&self, image: &str, archive: &Path) {
        let archive = archive.to_str().unwrap();
        self.ctr(&["images", "import", "--snapshotter", "native", archive]);
        let noted = format!(r#"name=={image},labels."io.cri-containerd.image"==managed"#);
        let deadline = Instant::now() + LISTEN_TIME;
        while self.ctr(&["images", "list", "--quiet", &noted]).is_empty() {
            assert!(Instant::now() < deadline, "{archive} has no image {image}");
        }
    }

    /// What the tool that comes with containerd answers.
    fn ctr(&self, arguments: &[&str]) -> String {
        let mut ctr = Command::new("ctr");
        ctr.arg("--address").arg(self.folder.join("containerd.sock"));
        let output = ctr.args(["--namespace", "k8s.io"]).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    /// The folder that stands for the pod's volume claim.
    fn volume(&self, pod: &Pod) -> PathBuf {
        let volume = self.folder.join(format!("volume-{}", pod.name));
        if !volume.exists() {
            fs::create_dir(&volume).unwrap();
            chown(&volume, Some(pod.user), Some(pod.user)).unwrap();
        }
        volume
    }

    /// Starts a pod, and waits until its readiness probe passes.
    fn run(&self, pod: &Pod) -> Running<'_> {
        let running = self.try_run(pod).unwrap_or_else(|error| panic!("{error}"));
        let (path, _) = &pod.ready;
        running
            .caller
            .wait_until_ready(path, || format!("{:?}\n{}", running.status(), self.log("pod.log")));
        running
    }

    /// Starts a pod.
    fn try_run(&self, pod: &Pod) -> Result<Running<'_>, String> {
        self.pods.set(self.pods.get() + 1);
        let sandbox_config = self.sandbox(pod, self.pods.get());
        let request = RunPodSandboxRequest {
            config: Some(sandbox_config.clone()),
            runtime_handler: pod.runtime.clone(),
        };
        let sandbox: Id = self.cri.try_call("RunPodSandbox", &request)?;
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox.id.clone(),
            config: Some(self.container(pod)),
            sandbox_config: Some(sandbox_config),
        };
        let container: Id = self.cri.try_call("CreateContainer", &request)?;
        self.cri.try_call::<_, Id>("StartContainer", &container)?;
        let caller = Caller::new(&format!("127.0.0.1:{}", pod.ready.1), pod.admin_token());
        let (sandbox, container, grace) = (sandbox.id, container.id, pod.grace);
        Ok(Running { node: self, sandbox, container, caller, grace })
    }

    fn sandbox(&self, pod: &Pod, attempt: u32) -> PodSandboxConfig {
        let security_context = LinuxSandboxSecurityContext {
            namespace_options: Some(namespaces()),
            seccomp: Some(SecurityProfile { profile_type: 0 }),
        };
        PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: pod.name.clone(),
                uid: format!("{}-{}", pod.name, std::process::id()),
                namespace: pod.namespace.clone(),
                attempt,
            }),
            log_directory: self.folder.display().to_string(),
            annotations: pod.annotations.iter().cloned().collect::<HashMap<_, _>>(),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: String::new(),
                security_context: Some(security_context),
            }),
        }
    }

    fn container(&self, pod: &Pod) -> ContainerConfig {
        let variables = pod.environment.iter().cloned();
        #[expect(clippy::cast_possible_truncation, reason = "a few cores")]
        #[expect(clippy::cast_precision_loss, reason = "a small constant")]
        let cpu_quota = (pod.cpu_limit * CPU_PERIOD_US as f64) as i64;
        let resources = LinuxContainerResources {
            cpu_period: CPU_PERIOD_US,
            cpu_quota,
            memory_limit_in_bytes: pod.memory_limit,
        };
        let security_context = LinuxContainerSecurityContext {
            capabilities: Some(Capability { drop_capabilities: vec!["ALL".into()] }),
            namespace_options: Some(namespaces()),
            run_as_user: Some(Int64Value { value: pod.user.into() }),
            readonly_rootfs: true,
            no_new_privs: true,
            seccomp: Some(SecurityProfile { profile_type: 0 }),
        };
        ContainerConfig {
            metadata: Some(Id { id: "server".into() }),
            image: Some(Id { id: pod.image.clone() }),
            args: pod.arguments.clone(),
            envs: variables.map(|(key, value)| KeyValue { key, value }).collect(),
            mounts: vec![Mount {
                container_path: pod.data.clone(),
                host_path: self.volume(pod).display().to_string(),
            }],
            log_path: "pod.log".into(),
            linux: Some(LinuxContainerConfig {
                resources: Some(resources),
                security_context: Some(security_context),
            }),
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // The namespaces end with the test, and with them the shims.
        let _ = self.containerd.kill();
        let _ = self.containerd.wait();
    }
}

impl Running<'_> {
    fn status(&self) -> ContainerStatus {
        let id = Id { id: self.container.clone() };
        let answer: ContainerStatusResponse = self.node.cri.call("ContainerStatus", &id);
        answer.status.unwrap()
    }

    /// Ends it as the kubelet does: SIGTERM, then SIGKILL when the grace period is over; how long
    /// that took.
    fn stop(&self) -> Duration {
        let started = Instant::now();
        let timeout = i64::try_from(self.grace.as_secs()).unwrap();
        let request = StopContainerRequest { container_id: self.container.clone(), timeout };
        self.node.cri.call::<_, Id>("StopContainer", &request);
        started.elapsed()
    }

    fn remove(self) {
        let sandbox = Id { id: self.sandbox };
        self.node.cri.call::<_, Id>("StopPodSandbox", &sandbox);
        self.node.cri.call::<_, Id>("RemovePodSandbox", &sandbox);
    }
}

/// The network is the node's own, as there is no network plugin.
fn namespaces() -> NamespaceOption {
    NamespaceOption { network: NAMESPACE_OF_NODE, pid: NAMESPACE_OF_CONTAINER }
}

/// What K3s would render: its base, here for a machine that may not do everything, and our
/// template.
fn configuration(folder: &Path) -> String {
    let path = folder.display();
    let base = format!(
        r#"version = 2
root = "{path}/root"
state = "{path}/state"
[grpc]
  address = "{path}/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "{path}/optional"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
"#
    );
    let template = folder.join("var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl");
    let template = fs::read_to_string(template).unwrap();
    template.replace(r#"{{ template "base" . }}"#, &base).replace("{{ .SystemdCgroup }}", "false")
}

/// The image of a sandbox: one static program that waits.
fn pause_image(folder: &Path) -> PathBuf {
    let context = folder.join("pause");
    fs::create_dir(&context).unwrap();
    fs::write(context.join("pause.c"), "#include <unistd.h>\nint main(void) { pause(); }\n")
        .unwrap();
    fs::write(
        context.join("Containerfile"),
        "FROM scratch\nCOPY pause /\nENTRYPOINT [\"/pause\"]\n",
    )
    .unwrap();
    let archive = context.join("pause.tar");
    let store = ["--root", "store", "--runroot", "run", "--storage-driver", "vfs"];
    let destination = format!("oci-archive:{}:{PAUSE}", archive.display());
    for (program, arguments) in [
        ("cc", &["-static", "-Os", "-s", "-o", "pause", "pause.c"][..]),
        ("buildah", &[&store[..], &["build", "--quiet", "--tag", PAUSE, "."]].concat()),
        ("buildah", &[&store[..], &["push", "--quiet", PAUSE, &destination]].concat()),
    ] {
        let output = Command::new(program).args(arguments).current_dir(&context).output().unwrap();
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
    archive
}

#[test]
fn a_pod_of_the_host_trades_and_ends_on_sigterm() {
    on_a_node("containerd::a_pod_of_the_host_trades_and_ends_on_sigterm", || {
        let folder = tempfile::tempdir().unwrap();
        let pod = Pod::of(&render("overlays/dev"), "edge-host");
        let node = Node::start(folder.path(), &pod);
        let running = node.run(&pod);
        trade(&running.caller);
        let sales = sell_until(&running.caller, || {
            let took = running.stop();
            assert!(took < pod.grace / 2, "it ends by itself: {took:?}");
        });
        let ContainerStatus { state, exit_code, message } = running.status();
        assert_eq!((state, exit_code), (CONTAINER_EXITED, 0), "{message}");
        running.remove();
        let running = node.run(&pod);
        assert_trade_is_kept(&running.caller);
        assert_sales_are_kept(&running.caller, &sales);
    });
}

#[test]
fn a_pod_of_the_cli_server_loses_nothing_within_its_short_grace() {
    on_a_node("containerd::a_pod_of_the_cli_server_loses_nothing_within_its_short_grace", || {
        let folder = tempfile::tempdir().unwrap();
        let pod = Pod::of(&render("overlays/dev"), "inventory-cli");
        let node = Node::start(folder.path(), &pod);
        let running = node.run(&pod);
        trade(&running.caller);
        let sales = sell_until(&running.caller, || {
            let took = running.stop();
            let most = pod.grace + Duration::from_secs(2);
            assert!((pod.grace..most).contains(&took), "SIGKILL after the grace: {took:?}");
        });
        assert_eq!(running.status().state, CONTAINER_EXITED);
        running.remove();
        let running = node.run(&pod);
        assert_trade_is_kept(&running.caller);
        assert_sales_are_kept(&running.caller, &sales);
    });
}

#[test]
fn a_wasm_entrypoint_needs_the_annotation_of_the_manifest() {
    on_a_node("containerd::a_wasm_entrypoint_needs_the_annotation_of_the_manifest", || {
        let folder = tempfile::tempdir().unwrap();
        let mut pod = Pod::of(&render("overlays/dev"), "inventory-cli");
        pod.annotations.clear();
        let node = Node::start(folder.path(), &pod);
        let Ok(running) = node.try_run(&pod) else { return };
        let deadline = Instant::now() + LISTEN_TIME;
        while running.status().state != CONTAINER_EXITED {
            assert!(Instant::now() < deadline, "{}", node.log("pod.log"));
        }
        assert_ne!(running.status().exit_code, 0, "the kernel cannot start it");
    });
}
