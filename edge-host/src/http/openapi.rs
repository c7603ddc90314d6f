//! The OpenAPI 3.1 document, from the table of routes and the types they parse and render: what is
//! documented cannot differ from what is served.

use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, Header, InfoBuilder, OpenApiBuilder, PathItem, PathsBuilder, Ref,
    RefOr, Required, Response, ResponseBuilder, Schema,
};
use utoipa::{PartialSchema, ToSchema};

use inventory_json::catalog::SHAPES;

use super::auth::{Access, Role, Token};
use super::guest::GUEST_KINDS;
use super::problem::{Kind, Refused, WIRE_KINDS};
use super::refusal::{FAULT_KINDS, REFUSAL_KINDS};
use super::route::{Method, Route};
use super::words::{OrderId, Sku};

/// A route's part of the document; what follows from its path and access is added by `render`.
#[derive(Default)]
pub(super) struct Description {
    tag: &'static str,
    summary: &'static str,
    body: Option<RequestBody>,
    queries: Vec<(&'static str, Ref)>,
    /// The media type and schema of the 200.
    answer: Option<(&'static str, RefOr<Schema>)>,
    statuses: Vec<u16>,
    is_versioned: bool,
    /// Called when the document is asked for: making all schemas costs as much as a cold start may.
    schemas: Vec<fn(&mut Schemas)>,
}

type Schemas = Vec<(String, RefOr<Schema>)>;

impl Description {
    pub(super) fn of(tag: &'static str) -> Self {
        Self { tag, ..Self::default() }
    }

    pub(super) fn says(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// A JSON body that must be there.
    pub(super) fn takes<T: ToSchema>(self) -> Self {
        self.body::<T>(Required::True)
    }

    /// A JSON body that may be left out.
    pub(super) fn may_take<T: ToSchema>(self) -> Self {
        self.body::<T>(Required::False)
    }

    fn body<T: ToSchema>(mut self, required: Required) -> Self {
        let content = Content::new(Some(self.schema::<T>()));
        let body = RequestBodyBuilder::new().content("application/json", content);
        self.body = Some(body.required(Some(required)).build());
        self.statuses.extend([400, 408, 413, 415]);
        self
    }

    /// A body of bytes.
    pub(super) fn takes_bytes(mut self, media_type: &'static str) -> Self {
        let bytes = ObjectBuilder::new().schema_type(Type::String).format(Some(
            utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::Binary),
        ));
        let body = RequestBodyBuilder::new()
            .content(media_type, Content::new(Some(RefOr::<Schema>::from(bytes))));
        self.body = Some(body.required(Some(Required::True)).build());
        self.statuses.extend([400, 408, 409, 413, 422, 501]);
        self
    }

    /// A file of rows, in one of these forms.
    pub(super) fn takes_files(mut self, media_types: &[&'static str]) -> Self {
        let text = || RefOr::<Schema>::from(ObjectBuilder::new().schema_type(Type::String));
        let body = media_types.iter().fold(RequestBodyBuilder::new(), |body, media_type| {
            body.content(*media_type, Content::new(Some(text())))
        });
        self.body = Some(body.required(Some(Required::True)).build());
        self.statuses.extend([400, 408, 409, 413, 415, 422]);
        self
    }

    /// An optional query parameter.
    pub(super) fn asks<T: ToSchema>(mut self, name: &'static str) -> Self {
        let schema = self.schema::<T>();
        self.queries.push((name, schema));
        self.statuses.push(400);
        self
    }

    /// The answer, in JSON.
    pub(super) fn answers<T: ToSchema>(mut self) -> Self {
        self.answer = Some(("application/json", self.schema::<T>().into()));
        self
    }

    /// The answer, in JSON, which may say more than the first.
    pub(super) fn answers_either<T: ToSchema, More: ToSchema>(mut self) -> Self {
        let either = AnyOfBuilder::new().item(self.schema::<T>()).item(self.schema::<More>());
        self.answer = Some(("application/json", either.into()));
        self
    }

    /// An answer in JSON that has no schema here.
    pub(super) fn answers_any(mut self) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object);
        self.answer = Some(("application/json", object.into()));
        self
    }

    pub(super) fn answers_text(mut self, media_type: &'static str) -> Self {
        let text = ObjectBuilder::new().schema_type(Type::String);
        self.answer = Some((media_type, text.into()));
        self
    }

    /// An entry's version travels in headers.
    pub(super) fn versioned(mut self) -> Self {
        self.is_versioned = true;
        self
    }

    /// A business refusal is possible, and an answer may be a replay.
    pub(super) fn conflicts(mut self) -> Self {
        self.statuses.extend([404, 409, 422]);
        self
    }

    /// A change may expect a version that is not there.
    pub(super) fn mismatches(mut self) -> Self {
        self.statuses.push(412);
        self
    }

    fn schema<T: ToSchema>(&mut self) -> Ref {
        self.schemas.push(|schemas| {
            schemas.push((T::name().into(), T::schema()));
            T::schemas(schemas);
        });
        Ref::from_schema_name(T::name())
    }
}

/// The whole document, as JSON. Without tokens it asks for none, since none is checked.
pub(super) fn render(routes: &[Route], tokens: &[Token]) -> Vec<u8> {
    let mut components = ComponentsBuilder::new()
        .schema("Code", Code::schema())
        .schema("Problem", Problem::schema())
        .schema("Refused", Refused::schema())
        .schema(OrderId::name(), OrderId::schema())
        .schema(Sku::name(), Sku::schema());
    let mut paths = PathsBuilder::new();
    for route in routes {
        let method = match route.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
            Method::Put => HttpMethod::Put,
            Method::Delete => HttpMethod::Delete,
        };
        paths = paths.path(route.path, PathItem::new(method, operation(route, tokens)));
        let mut schemas = Schemas::new();
        route.description.schemas.iter().for_each(|collect| collect(&mut schemas));
        let schemas = schemas.into_iter().map(|(name, schema)| (name, closed(schema)));
        components = components.schemas_from_iter(schemas);
    }
    if !tokens.is_empty() {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components = components.security_scheme(BEARER, SecurityScheme::Http(bearer));
    }
    let info = InfoBuilder::new()
        .title("Edge Inventory")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Stock and orders of one edge node. Every operation on an order may be sent again with \
             the same ids and body: it gets the same answer, with the header Idempotent-Replay.",
        ));
    let document =
        OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build();
    serde_json::to_vec(&document).expect("the document has text keys only")
}

/// An enum in a request is an object with exactly one key; the derive forgets to forbid others.
fn closed(mut schema: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::OneOf(one_of)) = &mut schema {
        for item in &mut one_of.items {
            if let RefOr::T(Schema::Object(object)) = item {
                object.additional_properties =
                    Some(Box::new(AdditionalProperties::FreeForm(false)));
            }
        }
    }
    schema
}

const BEARER: &str = "bearer";

fn operation(route: &Route, tokens: &[Token]) -> OperationBuilder {
    let description = &route.description;
    let mut statuses = description.statuses.clone();
    let mut operation = OperationBuilder::new()
        .tag(description.tag)
        .summary(Some(description.summary))
        .operation_id(Some(operation_id(route)))
        .request_body(description.body.clone());
    for (name, schema) in path_parameters(route.path) {
        statuses.extend([400, 404]);
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Path);
        operation = operation.parameter(parameter.schema(Some(schema)).required(Required::True));
    }
    for (name, schema) in &description.queries {
        let parameter = ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Query);
        let parameter = parameter.schema(Some(schema.clone())).required(Required::False);
        operation = operation.parameter(parameter);
    }
    if description.is_versioned {
        let names: &[&str] = if route.method == Method::Get {
            let known = ResponseBuilder::new().description("The caller has it already.");
            operation = operation.response("304", known.build());
            &["If-None-Match"]
        } else {
            statuses.push(412);
            &["If-Match", "If-None-Match"]
        };
        for name in names {
            let parameter = ParameterBuilder::new().name(*name).parameter_in(ParameterIn::Header);
            let text = ObjectBuilder::new().schema_type(Type::String);
            let parameter = parameter.schema(Some(text)).required(Required::False);
            operation = operation.parameter(parameter);
        }
    }
    if let (Access::Needs(role), false) = (route.access, tokens.is_empty()) {
        statuses.push(401);
        if role > Role::Read {
            statuses.push(403);
        }
        let needs: [&str; 0] = [];
        operation = operation
            .description(Some(format!("Needs the role `{}`.", role.as_str())))
            .security(SecurityRequirement::new(BEARER, needs));
    }
    if !matches!(route.path, "/healthz" | "/openapi.json") {
        statuses.extend([500, 503]);
    }
    operation = operation.response("200", answer(description));
    statuses.sort_unstable();
    statuses.dedup();
    statuses.into_iter().fold(operation, |operation, status| {
        operation.response(status.to_string(), problem(status))
    })
}

/// `post_v1_orders_reserve`: the path's fixed words, which are unique with the method.
fn operation_id(route: &Route) -> String {
    let method = route.method.name().to_lowercase();
    let words = route.path.split(['/', '.']).filter(|word| !word.is_empty());
    let fixed = words.map(|word| word.trim_matches(['{', '}']));
    std::iter::once(method.as_str()).chain(fixed).collect::<Vec<_>>().join("_")
}

fn path_parameters(path: &'static str) -> impl Iterator<Item = (&'static str, RefOr<Schema>)> {
    let names = path.split('/').filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'));
    names.map(|name| {
        let field = SHAPES.iter().flat_map(|shape| shape.key).find(|field| field.name() == name);
        let schema = match (name, field) {
            ("noun", _) => ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(SHAPES.iter().map(|shape| shape.name).chain(["stock"])))
                .into(),
            ("sku", _) => Ref::from_schema_name(Sku::name()).into(),
            (_, Some(field)) => field.schema(),
            _ => Ref::from_schema_name(OrderId::name()).into(),
        };
        (name, schema)
    })
}

fn answer(description: &Description) -> Response {
    let mut response = ResponseBuilder::new().description("Done");
    if let Some((media_type, schema)) = &description.answer {
        response = response.content(*media_type, Content::new(Some(schema.clone())));
    }
    if description.statuses.contains(&409) {
        let replay = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["true"]));
        let mut header = Header::new(replay);
        header.description = Some("The same request came before; this was its answer.".into());
        response = response.header("Idempotent-Replay", header);
    }
    if description.is_versioned {
        let version = ObjectBuilder::new().schema_type(Type::String);
        response = response.header("ETag", Header::new(version));
    }
    response.build()
}

fn problem(status: u16) -> Response {
    let titles: Vec<&str> =
        kinds().filter(|kind| kind.status.as_u16() == status).map(|kind| kind.code).collect();
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    let mut response = ResponseBuilder::new()
        .description(titles.join(", "))
        .content("application/problem+json", content);
    if status == 503 {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1_usize));
        response = response.header("Retry-After", Header::new(seconds));
    }
    response.build()
}

fn kinds() -> impl Iterator<Item = &'static Kind> {
    [WIRE_KINDS, REFUSAL_KINDS, FAULT_KINDS, GUEST_KINDS].into_iter().flatten().copied()
}

/// Every code a caller may meet.
struct Code;

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let codes: Vec<&str> = kinds().map(|kind| kind.code).collect();
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)).into()
    }
}

/// RFC 9457, with the numbers behind the code as further members.
struct Problem;

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        Refused::object()
            .property("type", text())
            .required("type")
            .property("title", text())
            .required("title")
            .property("status", ObjectBuilder::new().schema_type(Type::Integer))
            .required("status")
            .into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::{TOKEN_BYTES_MIN, routes};
    use super::*;

    fn document(tokens: &[Token]) -> Value {
        serde_json::from_slice(&render(&routes(), tokens)).unwrap()
    }

    /// Every `$ref` below `value`.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(array) => array.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_route_is_described_once_with_its_answer_and_its_problems() {
        let document = document(&[]);
        assert_eq!(document["openapi"], "3.1.0");
        let routes = routes();
        let paths = document["paths"].as_object().unwrap();
        let operations: usize = paths.values().map(|path| path.as_object().unwrap().len()).sum();
        assert_eq!(operations, routes.len());
        let mut ids = Vec::new();
        for route in &routes {
            let method = route.method.name().to_lowercase();
            let operation = &document["paths"][route.path][method];
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{}", route.path);
            assert!(operation["responses"]["200"]["content"].is_object(), "{}", route.path);
            let takes_input = operation["requestBody"].is_object() || route.path.contains('{');
            assert_eq!(
                operation["responses"]["400"].is_object(),
                takes_input || operation["parameters"].is_array(),
                "{}",
                route.path
            );
            ids.push(operation["operationId"].as_str().unwrap());
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), routes.len(), "operation ids repeat");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(&[]);
        let mut found = Vec::new();
        references(&document, &mut found);
        for reference in found {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference} is not there");
        }
    }

    #[test]
    fn request_bodies_are_closed_and_bounded() {
        let document = document(&[]);
        let schemas = &document["components"]["schemas"];
        for name in ["Placement", "Confirm", "Extend", "Ship", "Release", "PlacementCommand"] {
            assert_eq!(schemas[name]["additionalProperties"], false, "{name}");
        }
        for item in schemas["Command"]["oneOf"].as_array().unwrap() {
            assert_eq!(item["additionalProperties"], false, "{item}");
        }
        assert_eq!(schemas["Quantity"]["maximum"], 2_147_483_647);
        assert_eq!(schemas["Sku"]["maxLength"], 64);
        assert_eq!(schemas["Placement"]["properties"]["lines"]["maxItems"], 1_000);
    }

    #[test]
    fn what_can_be_promised_is_described_beside_the_counters() {
        let document = document(&[]);
        let answer = &document["paths"]["/v1/stock/{sku}"]["get"]["responses"]["200"];
        let either = &answer["content"]["application/json"]["schema"]["anyOf"];
        assert_eq!(either[0]["$ref"], "#/components/schemas/Stock");
        assert_eq!(either[1]["$ref"], "#/components/schemas/Availability");
        let availability = &document["components"]["schemas"]["Availability"]["allOf"];
        assert_eq!(availability[0]["$ref"], "#/components/schemas/Stock");
        for name in ["available", "sources", "denied", "explain"] {
            assert!(availability[1]["properties"][name].is_object(), "{name}");
        }
    }

    #[test]
    fn tokens_are_asked_for_only_where_they_are_checked() {
        let open = document(&[]);
        assert!(open["components"]["securitySchemes"].is_null());
        let token = Token::new(Role::Admin, &"x".repeat(TOKEN_BYTES_MIN)).unwrap();
        let closed = document(&[token]);
        let paths = &closed["paths"];
        assert!(paths["/v1/audit"]["post"]["responses"]["403"].is_object());
        assert!(paths["/v1/stock/{sku}"]["get"]["security"][0]["bearer"].is_array());
        assert!(paths["/healthz"]["get"]["security"].is_null());
    }
}
