//! The manifests as `kubectl kustomize` renders them, and a pod as the kubelet would read it.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Map, Value};

/// Every folder under `k3s/` that kubectl may be given.
pub(crate) const RENDERED: [&str; 4] = ["base", "cluster", "overlays/dev", "overlays/edge"];

/// A program that `.ci/setup tests` installs into `target/tools`.
pub(crate) fn tool(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin").join(name);
    assert!(path.exists(), "{} is missing: `.ci/setup tests` installs it", path.display());
    path
}

/// What `kubectl apply -k k3s/FOLDER` would send, as YAML.
pub(crate) fn render_yaml(folder: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("k3s").join(folder);
    let output = Command::new("kubectl").arg("kustomize").arg(path).output();
    let output = output.expect("kubectl is missing: `.ci/setup tests` installs it");
    assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// The rendered objects.
pub(crate) fn render(folder: &str) -> Vec<Value> {
    let program =
        "import sys, json, yaml; json.dump(list(yaml.safe_load_all(sys.stdin)), sys.stdout)";
    let mut python = Command::new(tool("python"))
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&render_yaml(folder)).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The objects of a kind.
pub(crate) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter(move |object| object["kind"] == kind)
}

/// A map of strings, such as labels; empty where there is none.
pub(crate) fn strings(value: &Value) -> Vec<(String, String)> {
    let entries = value.as_object().into_iter().flat_map(Map::iter);
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// What the kubelet takes from the pod of a `StatefulSet`.
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) runtime: String,
    pub(crate) annotations: Vec<(String, String)>,
    pub(crate) image: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) user: u32,
    /// Where the data volume goes.
    pub(crate) data: String,
    pub(crate) grace: Duration,
    /// The path and port of the readiness probe.
    pub(crate) ready: (String, u64),
    pub(crate) cpu_limit: f64,
    pub(crate) memory_limit: i64,
}

impl Pod {
    /// The pod of the `StatefulSet` of this name.
    pub(crate) fn of(objects: &[Value], name: &str) -> Self {
        let set = of_kind(objects, "StatefulSet").find(|set| set["metadata"]["name"] == name);
        let set = set.unwrap_or_else(|| panic!("there is no StatefulSet {name}"));
        let (namespace, template) = (text(&set["metadata"]["namespace"]), &set["spec"]["template"]);
        let spec = &template["spec"];
        let container = &spec["containers"][0];
        let probe = &container["readinessProbe"]["httpGet"];
        let ports = container["ports"].as_array().unwrap();
        let port = ports.iter().find(|port| port["name"] == probe["port"]).unwrap();
        let limits = &container["resources"]["limits"];
        let arguments = container["args"].as_array().into_iter().flatten();
        Self {
            name: format!("{name}-0"),
            runtime: text(&spec["runtimeClassName"]),
            annotations: strings(&template["metadata"]["annotations"]),
            image: text(&container["image"]),
            arguments: arguments.map(text).collect(),
            environment: environment(objects, container, &namespace),
            namespace,
            user: u32::try_from(spec["securityContext"]["runAsUser"].as_u64().unwrap()).unwrap(),
            data: text(&container["volumeMounts"][0]["mountPath"]),
            grace: Duration::from_secs(spec["terminationGracePeriodSeconds"].as_u64().unwrap()),
            ready: (text(&probe["path"]), port["containerPort"].as_u64().unwrap()),
            cpu_limit: text(&limits["cpu"]).parse().unwrap(),
            memory_limit: bytes(&text(&limits["memory"])),
        }
    }

    /// The image's name without registry and tag, by which `make images` knows it.
    pub(crate) fn image_name(&self) -> &str {
        let name = self.image.rsplit('/').next().unwrap();
        name.split(':').next().unwrap()
    }

    /// A token with the role `admin`, out of its environment; empty where that has none.
    pub(crate) fn admin_token(&self) -> &str {
        let tokens = self.environment.iter().find(|(key, _)| key == "EDGE_INVENTORY_TOKENS");
        let mut tokens = tokens.map_or("", |(_, tokens)| tokens).split(',');
        tokens.find_map(|token| token.strip_prefix("admin:")).unwrap_or_default()
    }
}

fn environment(objects: &[Value], container: &Value, namespace: &str) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for source in container["envFrom"].as_array().into_iter().flatten() {
        let (kind, reference) = match source.get("configMapRef") {
            Some(reference) => ("ConfigMap", reference),
            None => ("Secret", &source["secretRef"]),
        };
        let name = &reference["name"];
        let object = of_kind(objects, kind).find(|object| object["metadata"]["name"] == *name);
        let object = object.unwrap_or_else(|| panic!("{kind} {name} is not in the overlay"));
        let decode = |text: String| if kind == "Secret" { base64(&text) } else { text };
        let entries = strings(&object["data"]).into_iter();
        variables.extend(entries.map(|(key, value)| (key, decode(value))));
    }
    for variable in container["env"].as_array().into_iter().flatten() {
        let field = &variable["valueFrom"]["fieldRef"]["fieldPath"];
        let value = match field.as_str() {
            Some("metadata.namespace") => namespace.to_owned(),
            Some(other) => panic!("fieldPath {other} is not known here"),
            None => text(&variable["value"]),
        };
        variables.push((text(&variable["name"]), value));
    }
    variables
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// `1Gi`, `256Mi`.
fn bytes(quantity: &str) -> i64 {
    let (number, unit) = quantity.split_at(quantity.len() - 2);
    let unit = match unit {
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        _ => panic!("{quantity}: a unit that is not used here"),
    };
    number.parse::<i64>().unwrap() * unit
}

fn base64(text: &str) -> String {
    let program = "import sys, base64; sys.stdout.buffer.write(base64.b64decode(sys.argv[1]))";
    let output = Command::new(tool("python")).args(["-c", program, text]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}
