//! The catalog's paths: what a request asks of it, and what a reading answers.

use inventory_json::auth::{Access, Role, admit};
use inventory_json::catalog::path::Place;
use inventory_json::catalog::query::{Edit, Listing, expected_version, expects_nothing, is_known};
use inventory_json::catalog::{
    CatalogChange, CatalogChanges, Noun, Shape, StoredEntry, page, put_of,
};
use inventory_json::changes::Page;
use inventory_json::contract::{entries, types};
use inventory_json::parse::body;
use inventory_json::problem::{METHOD_NOT_ALLOWED, Problem};
use inventory_json::refusal::UNKNOWN_ENTRY;
use inventory_json::words::WarehouseCode;
use percent_encoding::percent_decode_str;

use super::options::Options;
use super::request::Request;
use super::response::Response;
use super::routes::Task;
use crate::output::told;
use crate::shard::Shard;

/// What is to be read.
pub(crate) enum Reading {
    /// With the request's `If-None-Match`.
    One(entries::EntryKey, Option<Vec<u8>>),
    List(Noun, Listing),
    Changes(Page),
}

/// The task of a request on a path of the catalog.
pub(crate) fn task(
    request: &Request<'_>,
    options: &Options,
    place: Place<'_>,
) -> Result<Task, Problem> {
    let (methods, allowed): (&[&str], _) = match place {
        Place::Changes => (&["GET", "POST"], "GET,POST"),
        Place::List(_) | Place::ServiceAreas(_) => (&["GET"], "GET"),
        Place::One(..) => (&["GET", "PUT", "DELETE"], "GET,PUT,DELETE"),
    };
    if !methods.contains(&request.method) {
        let problem = Problem::new(&METHOD_NOT_ALLOWED, "see the header Allow");
        return Err(problem.with("allow", allowed));
    }
    let is_read = request.method == "GET";
    let needed = if is_read { Role::Read } else { Role::Admin };
    admit(&options.tokens, Access::Needs(needed), request.authorization)?;
    Ok(match place {
        Place::Changes if is_read => Task::Catalog(Reading::Changes(Page::parse(request.query)?)),
        Place::Changes => {
            let change: CatalogChange = body(request.content_type, request.body)?;
            expects_nothing(&expected_version(request.if_match, request.if_none_match)?)?;
            Task::Command(change.into_command())
        }
        Place::List(noun) => Task::Catalog(Reading::List(noun, Listing::parse(request.query)?)),
        Place::ServiceAreas(code) => {
            let code = percent_decode_str(code).decode_utf8().unwrap_or_default();
            let code = WarehouseCode::parse(&code)
                .map_err(|it| Problem::malformed_parameter("warehouse", it.to_string()))?;
            let Listing { after, prefix, limit } = Listing::parse(request.query)?;
            let prefix = format!("{} {prefix}", code.as_str());
            let listing = Listing { after, prefix, limit };
            Task::Catalog(Reading::List(Noun::ServiceArea, listing))
        }
        Place::One(noun, texts) => one(request, noun, &texts)?,
    })
}

fn one(request: &Request<'_>, noun: Noun, texts: &[&str]) -> Result<Task, Problem> {
    let decode = |text: &&str| percent_decode_str(text).decode_utf8().map(String::from);
    let texts: Vec<String> = texts.iter().map(|it| decode(it).unwrap_or_default()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let shape = Shape::of(noun);
    let key = shape.key(&texts);
    let key = key.map_err(|(name, why)| Problem::malformed_parameter(name, why))?;
    let change = match request.method {
        "GET" => {
            let etags = request.if_none_match.map(<[u8]>::to_vec);
            return Ok(Task::Catalog(Reading::One(key, etags)));
        }
        "PUT" => {
            let body = shape.body(request.content_type, request.body)?;
            let (subject, place) = (key.subject, key.place);
            types::EntryChange::Put(entries::Entry { subject, place, body })
        }
        _ => types::EntryChange::Delete(key),
    };
    let edit = Edit::parse(request.query)?;
    let expected = expected_version(request.if_match, request.if_none_match)?;
    Ok(Task::Command(put_of(change, expected, edit)))
}

/// The answer to a reading.
pub(crate) fn read(shard: &mut Shard, reading: Reading) -> Result<Response, Problem> {
    let failed = |fault: types::Fault| told(&fault);
    Ok(match reading {
        Reading::One(key, etags) => {
            let found = shard.entry(&key).map_err(failed)?.ok_or_else(|| unknown(key.noun))?;
            let version = found.version;
            let response = if is_known(etags.as_deref(), version) {
                Response::not_modified()
            } else {
                Response::json(&StoredEntry::new(key.noun, &found).0)
            };
            response.with_etag(version)
        }
        Reading::List(noun, Listing { after, prefix, limit }) => {
            let listed = shard.entries(noun, &prefix, &after, limit).map_err(failed)?;
            Response::json(&page(noun, &listed, limit))
        }
        Reading::Changes(Page { after, limit }) => {
            let listed = shard.catalog_events(after, limit).map_err(failed)?;
            Response::json(&CatalogChanges::new(after, &listed))
        }
    })
}

/// As the host has it.
pub(crate) fn unknown(noun: Noun) -> Problem {
    Problem::new(&UNKNOWN_ENTRY, format!("there is no such {}", Shape::of(noun).name))
}

/// The version of the one entry that a change was of, where it is there now: not after a dry run.
pub(crate) fn version(command: &types::Command, answer: &types::Answer) -> Option<u64> {
    match (command, answer) {
        (types::Command::Catalog(change), types::Answer::Catalog(changed)) if !change.dry_run => {
            changed.first().map(|it| it.version).filter(|it| *it > 0)
        }
        _ => None,
    }
}
