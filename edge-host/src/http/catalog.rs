//! The catalog: the same calls for each of its nouns, by its table of paths.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use inventory_json::catalog::path::{CHANGES, PATHS, SERVICE_AREAS};
use inventory_json::catalog::query::{self, Edit, Listing};
use inventory_json::catalog::{
    self, Calendar, CatalogAnswer, CatalogChange, CatalogChanges, Category, Division, Entries,
    Noun, Restriction, SafetyStock, ServiceArea, Shape, StoredEntry, Warehouse,
};
use inventory_json::changes::Page;
use inventory_json::import::ImportReport;
use inventory_json::words;

use super::openapi::Description;
use super::outcome::{apply, apply_and_keep};
use super::problem::Problem;
use super::refusal::{UNKNOWN_ENTRY, failed};
use super::route::{Call, Route};
use super::{ADMIN, READ, imports, json};
use crate::guest::types::{Answer, EntryChange, ExpectedVersion, Outcome};
use crate::shard;

/// The calls of every noun, and those on many of them.
pub(super) fn routes() -> Vec<Route> {
    let mut routes: Vec<Route> = PATHS
        .into_iter()
        .flat_map(|(noun, all, one)| {
            let list = Description::of("catalog").says("Entries in order of their keys");
            let list = list.asks::<String>("after").asks::<String>("prefix");
            let list = list.asks::<words::ChangesLimit>("limit").answers::<Entries>();
            let about = || Description::of("catalog").versioned();
            let edit = |about: Description| {
                let about = about.asks::<words::Reason>("reason").asks::<words::Reason>("author");
                let about = about.asks::<bool>("refuse_in_use").asks::<bool>("dry_run");
                about.asks::<words::RequestId>("request_id").answers::<CatalogAnswer>().conflicts()
            };
            [
                Route::get(all, READ, move |call| self::list(call, noun)).described(list),
                Route::get(one, READ, move |call| get(call, noun))
                    .described(about().says("An entry").answers_any()),
                Route::put(one, ADMIN, move |call| put(call, noun))
                    .described(edit(takes(about(), noun)).says("Make or replace an entry")),
                Route::delete(one, ADMIN, move |call| delete(call, noun))
                    .described(edit(about()).says("Delete an entry, if there is one")),
            ]
        })
        .collect();
    let areas = Description::of("catalog").says("The areas that a warehouse serves");
    let areas = areas.asks::<String>("after").asks::<String>("prefix");
    let areas = areas.asks::<words::ChangesLimit>("limit");
    routes
        .push(Route::get(SERVICE_AREAS, READ, service_areas).described(areas.answers::<Entries>()));
    routes.push(
        Route::post(CHANGES, ADMIN, change).described(
            Description::of("catalog")
                .says("Change many entries, all or none")
                .takes::<CatalogChange>()
                .answers::<CatalogAnswer>()
                .conflicts()
                .mismatches(),
        ),
    );
    routes.push(
        Route::get(CHANGES, READ, changes).described(
            Description::of("catalog")
                .says("Every committed change of the catalog, in order")
                .asks::<words::Sequence>("after")
                .asks::<words::ChangesLimit>("limit")
                .answers::<CatalogChanges>(),
        ),
    );
    routes.extend(import_routes());
    routes
}

fn import_routes() -> [Route; 3] {
    [
        Route::post("/v1/import/{noun}", ADMIN, imports::import).described(
            Description::of("import")
                .says("Bring in a file of rows, all or none")
                .asks::<words::RequestId>("id")
                .asks::<words::Reason>("reason")
                .asks::<words::Reason>("author")
                .asks::<String>("on_error")
                .asks::<bool>("dry_run")
                .asks::<bool>("replace")
                .takes_files(&["text/csv", "application/x-ndjson", "application/json"])
                .answers::<ImportReport>(),
        ),
        Route::get("/v1/imports/{import}", READ, imports::status).described(
            Description::of("import")
                .says("How far an import is, or what became of it")
                .answers::<ImportReport>(),
        ),
        Route::get("/v1/export/{noun}", READ, imports::export).described(
            Description::of("import")
                .says("Every row, as an import takes them")
                .asks::<String>("format")
                .answers_text("application/x-ndjson"),
        ),
    ]
}

fn takes(about: Description, noun: Noun) -> Description {
    match noun {
        Noun::Warehouse => about.takes::<Warehouse>(),
        Noun::ServiceArea => about.takes::<ServiceArea>(),
        Noun::Category => about.takes::<Category>(),
        Noun::Restriction => about.takes::<Restriction>(),
        Noun::Calendar => about.takes::<Calendar>(),
        Noun::SafetyStock => about.takes::<SafetyStock>(),
        Noun::Division => about.takes::<Division>(),
    }
}

async fn list(call: Call, noun: Noun) -> Result<Response, Problem> {
    let listing = Listing::parse(call.uri.query().unwrap_or_default())?;
    page(call, noun, listing).await
}

async fn service_areas(call: Call) -> Result<Response, Problem> {
    let warehouse = call.parameter::<words::WarehouseCodeRule>("warehouse")?;
    let Listing { after, prefix, limit } = Listing::parse(call.uri.query().unwrap_or_default())?;
    let prefix = format!("{} {prefix}", warehouse.as_str());
    page(call, Noun::ServiceArea, Listing { after, prefix, limit }).await
}

async fn page(call: Call, noun: Noun, listing: Listing) -> Result<Response, Problem> {
    let Listing { after, prefix, limit } = listing;
    let listing = shard::Listing { noun, prefix, after, limit };
    let listed = call.wire.shard.entries(listing).await.map_err(|error| failed(&error))?;
    Ok(json::answer(&catalog::page(noun, &listed, limit)))
}

async fn get(call: Call, noun: Noun) -> Result<Response, Problem> {
    let key = key(&call, noun)?;
    let name = format!("there is no such {}", Shape::of(noun).name);
    let found = call.wire.shard.entry(key).await.map_err(|error| failed(&error))?;
    let found = found.ok_or_else(|| Problem::new(&UNKNOWN_ENTRY, name))?;
    let etag = call.headers.get(header::IF_NONE_MATCH).map(HeaderValue::as_bytes);
    let response = if query::is_known(etag, found.version) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        json::answer(&StoredEntry::new(noun, &found).0)
    };
    Ok(with_etag(response, found.version))
}

async fn put(mut call: Call, noun: Noun) -> Result<Response, Problem> {
    let key = key(&call, noun)?;
    let bytes_max = call.wire.config.body_bytes_max;
    let body = json::receive(&mut call, bytes_max).await?;
    let body = Shape::of(noun).body(json::content_type(&call.headers), &body)?;
    let (subject, place) = (key.subject, key.place);
    let entry = crate::guest::entries::Entry { subject, place, body };
    edit(call, EntryChange::Put(entry)).await
}

async fn delete(call: Call, noun: Noun) -> Result<Response, Problem> {
    let key = key(&call, noun)?;
    edit(call, EntryChange::Delete(key)).await
}

async fn edit(call: Call, change: EntryChange) -> Result<Response, Problem> {
    let edit = Edit::parse(call.uri.query().unwrap_or_default())?;
    let expected = expected_version(&call.headers)?;
    let is_dry = edit.dry_run;
    let command = catalog::put_of(change, expected, edit);
    let (response, outcome) = apply_and_keep(&call.wire, command).await?;
    // The version that a dry run tells of is somebody else's, should theirs be the next change.
    Ok(match version(&outcome).filter(|_| !is_dry) {
        Some(version) => with_etag(response, version),
        None => response,
    })
}

async fn change(mut call: Call) -> Result<Response, Problem> {
    let body: CatalogChange = json::read(&mut call).await?;
    query::expects_nothing(&expected_version(&call.headers)?)?;
    apply(&call.wire, body.into_command()).await
}

async fn changes(call: Call) -> Result<Response, Problem> {
    let Page { after, limit } = Page::parse(call.uri.query().unwrap_or_default())?;
    let listed = call.wire.shard.catalog_events(after, limit).await;
    let listed = listed.map_err(|error| failed(&error))?;
    Ok(json::answer(&CatalogChanges::new(after, &listed)))
}

/// The key that the path names.
fn key(call: &Call, noun: Noun) -> Result<crate::guest::entries::EntryKey, Problem> {
    let texts: Vec<&str> = call.parameters.iter().map(String::as_str).collect();
    let key = Shape::of(noun).key(&texts);
    key.map_err(|(name, why)| Problem::malformed_parameter(name, why))
}

/// The version of the one entry that was changed, where it is there now.
fn version(outcome: &Outcome) -> Option<u64> {
    match &outcome.result {
        Ok(Answer::Catalog(changed)) => changed.first().map(|it| it.version).filter(|it| *it > 0),
        _ => None,
    }
}

fn with_etag(mut response: Response, version: u64) -> Response {
    let etag = HeaderValue::try_from(format!("\"{version}\"")).expect("digits are a header");
    response.headers_mut().insert(header::ETAG, etag);
    response
}

fn expected_version(headers: &HeaderMap) -> Result<ExpectedVersion, Problem> {
    let value = |name| headers.get(name).map(HeaderValue::as_bytes);
    query::expected_version(value(header::IF_MATCH), value(header::IF_NONE_MATCH))
}
