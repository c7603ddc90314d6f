//! A route: its path, whom it serves, its handler and its part of the OpenAPI document, said once.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{MethodRouter, delete, get, post, put};

use super::Wire;
use super::auth::{Access, Role, admit};
use super::openapi::Description;
use super::problem::{Problem, respond};
use super::words::{Text, TextRule};
use crate::metrics;

/// What a handler gets to see of a request.
pub(super) struct Call {
    pub(super) wire: Arc<Wire>,
    /// What the caller may do; at least what the route asks for.
    pub(super) role: Role,
    pub(super) headers: HeaderMap,
    pub(super) uri: Uri,
    pub(super) body: Body,
    /// The `{…}` of the route's path in order, percent-decoded; none where bytes are not UTF-8.
    pub(super) parameters: Vec<String>,
}

impl Call {
    /// The path's only parameter, in its bounds.
    pub(super) fn parameter<R: TextRule>(&self, name: &str) -> Result<Text<R>, Problem> {
        let text = self.parameters.first().map_or("", String::as_str);
        Text::parse(text).map_err(|bounds| Problem::malformed_parameter(name, bounds.to_string()))
    }
}

/// The methods the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    /// As HTTP has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One line of the table in `mod.rs`.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) description: Description,
    /// Paths of other routes that a name in this one's last step may spell.
    pub(super) also_at: &'static [&'static str],
    mount: Box<dyn FnOnce(Arc<Wire>, metrics::Route) -> MethodRouter>,
}

impl Route {
    pub(super) fn get<H, F>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        Self::new(Method::Get, path, access, handler)
    }

    pub(super) fn post<H, F>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        Self::new(Method::Post, path, access, handler)
    }

    pub(super) fn put<H, F>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        Self::new(Method::Put, path, access, handler)
    }

    pub(super) fn delete<H, F>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        Self::new(Method::Delete, path, access, handler)
    }

    /// Adds the route's part of the OpenAPI document.
    pub(super) fn described(mut self, description: Description) -> Self {
        self.description = description;
        self
    }

    /// Serves names, too, that other routes are called by.
    pub(super) fn also_at(mut self, paths: &'static [&'static str]) -> Self {
        self.also_at = paths;
        self
    }

    fn new<H, F>(method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Fn(Call) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Result<Response, Problem>> + Send + 'static,
    {
        let mount = move |wire: Arc<Wire>, metrics: metrics::Route| {
            let metrics = Arc::new(metrics);
            let endpoint = move |request: Request| {
                let (wire, metrics, handler) = (wire.clone(), metrics.clone(), handler.clone());
                async move {
                    let started = Instant::now();
                    let response = serve(wire, path, access, handler, request).await;
                    metrics.answered(response.status().as_u16(), started.elapsed());
                    response
                }
            };
            match method {
                Method::Get => get(endpoint),
                Method::Post => post(endpoint),
                Method::Put => put(endpoint),
                Method::Delete => delete(endpoint),
            }
        };
        let (description, also_at) = (Description::default(), &[][..]);
        Self { method, path, access, description, also_at, mount: Box::new(mount) }
    }

    /// The axum side of the route, counting into `wire`'s metrics.
    pub(super) fn mount(self, wire: &Arc<Wire>) -> MethodRouter {
        let metrics = wire.metrics.route(self.method.name(), self.path);
        (self.mount)(Arc::clone(wire), metrics)
    }
}

async fn serve<H, F>(
    wire: Arc<Wire>,
    path: &'static str,
    access: Access,
    handler: H,
    request: Request,
) -> Response
where
    H: Fn(Call) -> F,
    F: Future<Output = Result<Response, Problem>>,
{
    let (mut parts, body) = request.into_parts();
    let authorization = parts.headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let role = match admit(&wire.config.tokens, access, authorization) {
        Ok(role) => role,
        Err(problem) => return respond(problem),
    };
    let mut parameters: Vec<String> = Vec::new();
    if path.contains('{') {
        // None where bytes are not UTF-8.
        if let Ok(decoded) = RawPathParams::from_request_parts(&mut parts, &()).await {
            parameters.extend(decoded.iter().map(|(_, value)| value.to_owned()));
            if parameters.is_empty() {
                // It is served at a path without any: the name is spelled as that is.
                parameters.extend(parts.uri.path().rsplit('/').next().map(str::to_owned));
            }
        }
    }
    let call = Call { wire, role, headers: parts.headers, uri: parts.uri, body, parameters };
    handler(call).await.unwrap_or_else(|problem| {
        if problem.kind.status == StatusCode::INTERNAL_SERVER_ERROR {
            let cause = problem.cause.as_deref().unwrap_or("unknown");
            tracing::error!(path, code = problem.kind.code, cause, "a request failed");
        }
        respond(problem)
    })
}
