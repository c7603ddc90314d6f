//! The kubelet's protocol, as far as one container in one pod needs it: gRPC over a Unix socket,
//! with the messages of `runtime/v1/api.proto` (<https://github.com/kubernetes/cri-api>), whose
//! field numbers are fixed.

use std::{
    collections::HashMap,
    future::poll_fn,
    path::{Path, PathBuf},
};

use prost::{Message, bytes::Bytes};
use tokio::{net::UnixStream, runtime};
use ureq::http::Request;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PodSandboxMetadata {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) uid: String,
    #[prost(string, tag = "3")]
    pub(crate) namespace: String,
    #[prost(uint32, tag = "4")]
    pub(crate) attempt: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PodSandboxConfig {
    #[prost(message, optional, tag = "1")]
    pub(crate) metadata: Option<PodSandboxMetadata>,
    #[prost(string, tag = "3")]
    pub(crate) log_directory: String,
    #[prost(map = "string, string", tag = "7")]
    pub(crate) annotations: HashMap<String, String>,
    #[prost(message, optional, tag = "8")]
    pub(crate) linux: Option<LinuxPodSandboxConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LinuxPodSandboxConfig {
    #[prost(string, tag = "1")]
    pub(crate) cgroup_parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) security_context: Option<LinuxSandboxSecurityContext>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LinuxSandboxSecurityContext {
    #[prost(message, optional, tag = "1")]
    pub(crate) namespace_options: Option<NamespaceOption>,
    #[prost(message, optional, tag = "9")]
    pub(crate) seccomp: Option<SecurityProfile>,
}

/// The network of the node, a process namespace for each container.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct NamespaceOption {
    #[prost(int32, tag = "1")]
    pub(crate) network: i32,
    #[prost(int32, tag = "2")]
    pub(crate) pid: i32,
}

/// `NamespaceMode`.
pub(crate) const NAMESPACE_OF_CONTAINER: i32 = 1;
/// `NamespaceMode`.
pub(crate) const NAMESPACE_OF_NODE: i32 = 2;

/// Type 0 is `RuntimeDefault`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct SecurityProfile {
    #[prost(int32, tag = "1")]
    pub(crate) profile_type: i32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RunPodSandboxRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) config: Option<PodSandboxConfig>,
    #[prost(string, tag = "2")]
    pub(crate) runtime_handler: String,
}

/// Any message whose first field is a text, the id, and whose other fields are not needed.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Id {
    #[prost(string, tag = "1")]
    pub(crate) id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateContainerRequest {
    #[prost(string, tag = "1")]
    pub(crate) pod_sandbox_id: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) config: Option<ContainerConfig>,
    #[prost(message, optional, tag = "3")]
    pub(crate) sandbox_config: Option<PodSandboxConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ContainerConfig {
    #[prost(message, optional, tag = "1")]
    pub(crate) metadata: Option<Id>,
    #[prost(message, optional, tag = "2")]
    pub(crate) image: Option<Id>,
    #[prost(string, repeated, tag = "4")]
    pub(crate) args: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    pub(crate) envs: Vec<KeyValue>,
    #[prost(message, repeated, tag = "7")]
    pub(crate) mounts: Vec<Mount>,
    #[prost(string, tag = "11")]
    pub(crate) log_path: String,
    #[prost(message, optional, tag = "15")]
    pub(crate) linux: Option<LinuxContainerConfig>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Mount {
    #[prost(string, tag = "1")]
    pub(crate) container_path: String,
    #[prost(string, tag = "2")]
    pub(crate) host_path: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LinuxContainerConfig {
    #[prost(message, optional, tag = "1")]
    pub(crate) resources: Option<LinuxContainerResources>,
    #[prost(message, optional, tag = "2")]
    pub(crate) security_context: Option<LinuxContainerSecurityContext>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LinuxContainerResources {
    #[prost(int64, tag = "1")]
    pub(crate) cpu_period: i64,
    #[prost(int64, tag = "2")]
    pub(crate) cpu_quota: i64,
    #[prost(int64, tag = "4")]
    pub(crate) memory_limit_in_bytes: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct LinuxContainerSecurityContext {
    #[prost(message, optional, tag = "1")]
    pub(crate) capabilities: Option<Capability>,
    #[prost(message, optional, tag = "3")]
    pub(crate) namespace_options: Option<NamespaceOption>,
    #[prost(message, optional, tag = "5")]
    pub(crate) run_as_user: Option<Int64Value>,
    #[prost(bool, tag = "7")]
    pub(crate) readonly_rootfs: bool,
    #[prost(bool, tag = "11")]
    pub(crate) no_new_privs: bool,
    #[prost(message, optional, tag = "15")]
    pub(crate) seccomp: Option<SecurityProfile>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Capability {
    #[prost(string, repeated, tag = "2")]
    pub(crate) drop_capabilities: Vec<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Int64Value {
    #[prost(int64, tag = "1")]
    pub(crate) value: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StopContainerRequest {
    #[prost(string, tag = "1")]
    pub(crate) container_id: String,
    #[prost(int64, tag = "2")]
    pub(crate) timeout: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ContainerStatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) status: Option<ContainerStatus>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ContainerStatus {
    #[prost(int32, tag = "3")]
    pub(crate) state: i32,
    #[prost(int32, tag = "7")]
    pub(crate) exit_code: i32,
    #[prost(string, tag = "11")]
    pub(crate) message: String,
}

/// `ContainerState`.
pub(crate) const CONTAINER_EXITED: i32 = 2;

#[derive(Clone, PartialEq, Message)]
struct Nothing {}

/// A client of a runtime service.
pub(crate) struct Cri {
    socket: PathBuf,
    runtime: runtime::Runtime,
}

impl Cri {
    pub(crate) fn new(socket: &Path) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_io().build().unwrap();
        Self { socket: socket.to_owned(), runtime }
    }

    /// Whether the service answers.
    pub(crate) fn is_up(&self) -> bool {
        self.try_call::<_, Nothing>("Version", &Nothing {}).is_ok()
    }

    pub(crate) fn call<Q: Message, A: Message + Default>(&self, method: &str, request: &Q) -> A {
        self.try_call(method, request).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Calls one method over a connection of its own; the service's own words where it refuses.
    pub(crate) fn try_call<Q: Message, A: Message + Default>(
        &self,
        method: &str,
        request: &Q,
    ) -> Result<A, String> {
        let answer = self.runtime.block_on(exchange(&self.socket, method, request.encode_to_vec()));
        A::decode(answer?.as_slice()).map_err(|error| error.to_string())
    }
}

/// Before each message: not compressed, and its length.
const FRAME_HEAD_BYTES: usize = 5;

async fn exchange(socket: &Path, method: &str, message: Vec<u8>) -> Result<Vec<u8>, String> {
    let stream = UnixStream::connect(socket).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        h2::client::handshake(stream).await.map_err(|e| e.to_string())?;
    tokio::spawn(connection);
    poll_fn(|context| sender.poll_ready(context)).await.map_err(|error| error.to_string())?;
    let request = Request::post(format!("http://node/runtime.v1.RuntimeService/{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (answer, mut body) = sender.send_request(request, false).map_err(|e| e.to_string())?;
    let length = u32::try_from(message.len()).unwrap();
    let frame = [&[0][..], &length.to_be_bytes(), &message].concat();
    body.send_data(Bytes::from(frame), true).map_err(|error| error.to_string())?;
    let answer = answer.await.map_err(|error| error.to_string())?;
    let mut headers = answer.headers().clone();
    let mut body = answer.into_body();
    let mut frame = Vec::new();
    while let Some(data) = body.data().await {
        frame.extend_from_slice(&data.map_err(|error| error.to_string())?);
    }
    headers.extend(body.trailers().await.map_err(|error| error.to_string())?.unwrap_or_default());
    let header = |name| headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if header("grpc-status") != "0" {
        return Err(format!("{}: {}", header("grpc-status"), header("grpc-message")));
    }
    Ok(frame.split_off(FRAME_HEAD_BYTES.min(frame.len())))
}
