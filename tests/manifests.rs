//! The manifests, as `kubectl kustomize` renders them: valid for Kubernetes 1.30, and as careful as
//! the specification asks. And what sets a node up.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use crate::{
    containers::manifest::{Pod, RENDERED, of_kind, render, render_yaml, strings, tool},
    harness::edge_host,
};

/// Each workload of each folder, with the folder's name and its objects.
fn workloads() -> Vec<(String, Vec<Value>, Value)> {
    let mut found = Vec::new();
    for folder in RENDERED {
        let objects = render(folder);
        let sets: Vec<Value> = of_kind(&objects, "StatefulSet").cloned().collect();
        found.extend(
            sets.into_iter().map(|set| {
                (format!("{folder}: {}", set["metadata"]["name"]), objects.clone(), set)
            }),
        );
    }
    assert!(found.len() >= 4, "the host in three folders, the CLI server in one");
    found
}

#[test]
fn every_overlay_is_valid_for_kubernetes_1_30() {
    for folder in RENDERED {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        file.write_all(&render_yaml(folder)).unwrap();
        let mut validate = Command::new(tool("python"));
        validate.args(["-m", "kubernetes_validate", "-k", "1.30", "--strict"]).arg(file.path());
        let output = validate.output().unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{folder}: {said}");
        assert!(!said.contains("WARN"), "{folder}: {said}");
    }
}

#[test]
fn an_object_that_is_not_valid_is_noticed() {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let rendered = String::from_utf8(render_yaml("base")).unwrap();
    file.write_all(rendered.replace("replicas: 1", "replicas: one").as_bytes()).unwrap();
    let mut validate = Command::new(tool("python"));
    validate.args(["-m", "kubernetes_validate", "-k", "1.30", "--strict"]).arg(file.path());
    assert!(!validate.output().unwrap().status.success());
}

#[test]
fn pods_have_no_rights() {
    for (name, _, set) in workloads() {
        let spec = &set["spec"]["template"]["spec"];
        let pod = &spec["securityContext"];
        assert_eq!(pod["runAsNonRoot"], true, "{name}");
        assert!(pod["runAsUser"].as_u64().unwrap() >= 10_000, "{name}");
        assert_eq!(pod["seccompProfile"], json!({"type": "RuntimeDefault"}), "{name}");
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
        for key in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(spec[key].is_null(), "{name}: {key}");
        }
        for container in spec["containers"].as_array().unwrap() {
            let context = &container["securityContext"];
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}");
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}");
            assert_ne!(context["privileged"], true, "{name}");
            assert_eq!(context["capabilities"], json!({"drop": ["ALL"]}), "{name}");
        }
    }
}

#[test]
fn pods_run_in_wasmedge_on_edge_nodes() {
    for (name, _, set) in workloads() {
        let template = &set["spec"]["template"];
        assert_eq!(template["spec"]["runtimeClassName"], "wasmedge", "{name}");
        assert_eq!(template["spec"]["nodeSelector"]["node-type"], "edge", "{name}");
        let annotations = &template["metadata"]["annotations"];
        assert_eq!(annotations["module.wasm.image/variant"], "compat-smart", "{name}");
    }
    let class = render("cluster");
    let class = of_kind(&class, "RuntimeClass").next().unwrap();
    assert_eq!(
        (&class["metadata"]["name"], &class["handler"]),
        (&json!("wasmedge"), &json!("wasmedge"))
    );
}

#[test]
fn pods_ask_for_what_a_node_has() {
    for (name, _, set) in workloads() {
        let resources = &set["spec"]["template"]["spec"]["containers"][0]["resources"];
        let asked = json!({"cpu": "200m", "memory": "256Mi"});
        assert_eq!(resources["requests"], asked, "{name}");
        assert_eq!(resources["limits"], json!({"cpu": "1", "memory": "1Gi"}), "{name}");
    }
}

#[test]
fn one_pod_writes_each_volume() {
    for (name, objects, set) in workloads() {
        let spec = &set["spec"];
        assert_eq!(spec["replicas"], 1, "{name}");
        let claim = &spec["volumeClaimTemplates"][0]["spec"];
        assert_eq!(claim["accessModes"], json!(["ReadWriteOnce"]), "{name}");
        let kept = json!({"whenDeleted": "Retain", "whenScaled": "Retain"});
        assert_eq!(spec["persistentVolumeClaimRetentionPolicy"], kept, "{name}");
        // A second replica would be a second, empty warehouse: nothing may make one.
        assert_eq!(of_kind(&objects, "HorizontalPodAutoscaler").count(), 0, "{name}");
        assert_eq!(of_kind(&objects, "Deployment").count(), 0, "{name}");
    }
}

#[test]
fn selectors_find_the_pods_they_mean_and_only_those() {
    for (name, objects, set) in workloads() {
        let labels = strings(&set["spec"]["template"]["metadata"]["labels"]);
        let own = |selector: &Value| strings(selector).iter().all(|pair| labels.contains(pair));
        assert!(own(&set["spec"]["selector"]["matchLabels"]), "{name}");
        let service = of_kind(&objects, "Service")
            .filter(|service| own(&service["spec"]["selector"]))
            .map(|service| &service["metadata"]["name"]);
        assert_eq!(service.collect::<Vec<_>>(), [&set["spec"]["serviceName"]], "{name}");
        let budgets = of_kind(&objects, "PodDisruptionBudget")
            .filter(|budget| own(&budget["spec"]["selector"]["matchLabels"]));
        assert_eq!(budgets.count(), 1, "{name}");
    }
}

#[test]
fn grace_periods_fit_how_each_program_stops() {
    let objects = render("overlays/dev");
    let host = Pod::of(&objects, "edge-host");
    let setting = host.environment.iter().find(|(key, _)| key.ends_with("SHUTDOWN_TIMEOUT"));
    let drains: u64 = setting.unwrap().1.strip_suffix('s').unwrap().parse().unwrap();
    assert!(host.grace.as_secs() > drains, "SIGKILL must not come before requests are answered");
    // crun's handler ignores SIGTERM: whatever is more is waited for in vain.
    assert!(Pod::of(&objects, "inventory-cli").grace.as_secs() <= 2);
}

#[test]
fn nothing_reaches_the_pods_but_callers() {
    for folder in ["base", "overlays/dev", "overlays/edge"] {
        let objects = render(folder);
        let policies: Vec<&Value> = of_kind(&objects, "NetworkPolicy").collect();
        let closed = policies.iter().any(|policy| {
            let spec = &policy["spec"];
            spec["podSelector"] == json!({})
                && spec["policyTypes"] == json!(["Ingress", "Egress"])
                && spec["ingress"].is_null()
                && spec["egress"].is_null()
        });
        assert!(closed, "{folder}: a policy denies everything first");
        for policy in policies {
            for rule in policy["spec"]["ingress"].as_array().into_iter().flatten() {
                assert!(rule["from"].is_array(), "{folder}: {rule} is open to everybody");
                assert_eq!(rule["ports"], json!([{"port": "http"}]), "{folder}");
            }
        }
        let namespace = of_kind(&objects, "Namespace").next().unwrap();
        let label = "pod-security.kubernetes.io/enforce";
        assert_eq!(namespace["metadata"]["labels"][label], "restricted", "{folder}");
    }
}

#[test]
fn the_host_accepts_the_settings_of_the_config_map() {
    let pod = Pod::of(&render("overlays/dev"), "edge-host");
    let mut check = Command::new(edge_host());
    check.args(["check-config", "--guest", "/guest"]).env_clear().envs(pod.environment.clone());
    let output = check.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for line in [
        "cache_enabled = true",
        "cache_ttl = \"10s\"",
        "max_connections = 10000",
        "query_timeout = \"20ms\"",
    ] {
        let (key, _) = line.split_once(' ').unwrap();
        let told = said.lines().find(|it| it.starts_with(&format!("{key} ")));
        let told = told.unwrap_or_else(|| panic!("{key} is not in {said}"));
        assert!(told.starts_with(line) && told.contains("EDGE_INVENTORY_"), "{told}");
    }
}

#[test]
fn only_the_overlay_for_trying_out_has_tokens() {
    for folder in RENDERED {
        let secrets = of_kind(&render(folder), "Secret").count();
        assert_eq!(secrets, usize::from(folder == "overlays/dev"), "{folder}");
    }
}

fn node_script(name: &str, arguments: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("k3s/node").join(name);
    Command::new(script).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&*output.stdout, &*output.stderr].concat()).into_owned()
}

/// Where K3s looks for templates, below a folder.
fn templates(folder: &Path) -> PathBuf {
    folder.join("var/lib/rancher/k3s/agent/etc/containerd")
}

#[test]
fn a_node_is_set_up_once_and_checked() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap();
    let dry = node_script("install", &["--root", root, "--dry-run"]);
    assert!(dry.status.success() && said(&dry).contains("none made"), "{}", said(&dry));
    assert_eq!(fs::read_dir(root).unwrap().count(), 0, "--dry-run writes nothing");
    let checked = node_script("check", &["--root", root]);
    assert!(!checked.status.success());
    assert!(said(&checked).contains("run k3s/node/install"), "{}", said(&checked));
    assert!(node_script("install", &["--root", root]).status.success());
    let again = node_script("install", &["--root", root]);
    assert!(said(&again).contains("nothing to do"), "{}", said(&again));
    let checked = node_script("check", &["--root", root]);
    assert!(checked.status.success(), "{}", said(&checked));
}

#[test]
fn a_template_that_somebody_else_wrote_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let theirs = templates(folder.path()).join("config.toml.tmpl");
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    fs::write(&theirs, "{{ template \"base\" . }}\n# mirrors\n").unwrap();
    let refused = node_script("install", &["--root", folder.path().to_str().unwrap()]);
    assert!(!refused.status.success());
    assert!(said(&refused).contains("by hand"), "{}", said(&refused));
    assert!(fs::read_to_string(&theirs).unwrap().contains("# mirrors"));
}

/// A template of `k3s/node`, rendered by hand: without the base, and with no systemd.
fn rendered_template(name: &str, version: u32) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("k3s/node").join(name);
    let template = fs::read_to_string(path).unwrap();
    let rendered = template
        .replace(r#"{{ template "base" . }}"#, &format!("version = {version}"))
        .replace("{{ .SystemdCgroup }}", "false");
    assert!(!rendered.contains("{{"), "{rendered}");
    rendered
}

#[test]
fn containerd_1_7_understands_its_template() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(rendered_template("config.toml.tmpl", 2).as_bytes()).unwrap();
    let mut dump = Command::new("containerd");
    let output = dump.arg("--config").arg(file.path()).args(["config", "dump"]).output().unwrap();
    let dumped = said(&output);
    let start = dumped.find(".containerd.runtimes.wasmedge]").expect("the runtime is there");
    for line in [
        r#"pod_annotations = ["module.wasm.image/variant"]"#,
        r#"BinaryName = "/opt/edge-inventory/bin/crun-wasmedge""#,
    ] {
        assert!(dumped[start..].contains(line), "{line} is not in {}", &dumped[start..]);
    }
}

/// Debian has no containerd 2 to ask: the file is read as TOML, and compared with what 1.7 gets.
#[test]
fn the_template_for_containerd_2_says_the_same_in_its_own_table() {
    let runtimes = |name, version, plugin: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(rendered_template(name, version).as_bytes()).unwrap();
        let program = "import sys, json, tomllib
json.dump(tomllib.load(open(sys.argv[1], 'rb')), sys.stdout)";
        let mut python = Command::new(tool("python"));
        let output = python.args(["-c", program]).arg(file.path()).output().unwrap();
        let config: Value = serde_json::from_slice(&output.stdout).unwrap();
        config["plugins"][plugin]["containerd"]["runtimes"].clone()
    };
    let old = runtimes("config.toml.tmpl", 2, "io.containerd.grpc.v1.cri");
    let new = runtimes("config-v3.toml.tmpl", 3, "io.containerd.cri.v1.runtime");
    assert!(old["wasmedge"].is_object());
    assert_eq!(old, new);
}
