//! The catalog: changing and reading its entries.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use inventory_json::catalog::query::Edit;
use inventory_json::catalog::{
    CatalogChange, CatalogChanges, KeyField, SHAPES, Shape, StoredEntry, at, page, put_of,
};
use inventory_json::contract::{catalog, entries, types};
use inventory_json::parse::render;
use inventory_json::words::{ReasonRule, RequestIdRule, TextRule};
use serde_json::Value;

use crate::body::{self, word};
use crate::failure::Failure;
use crate::output;
use crate::serve::unknown_entry;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::tables::Table;

pub(crate) const NAME: &str = "catalog";

const NOUNS_HELP: &str = "\
Nouns and their keys:
  warehouse WAREHOUSE          service_area WAREHOUSE AREA    category SKU
  restriction SUBJECT AREA     calendar WAREHOUSE             safety_stock SKU WAREHOUSE
  division ADCODE

AREA is the first 2, 4 or 6 digits of an adcode, or `everywhere`; SUBJECT is `all`, `sku:…` or \
`category:…`.";

/// One of each shape that is not obvious; `/openapi.json` of a host has every field.
const PUT_EXAMPLES: &str = r#"Examples:
  inventory catalog put warehouse SZ-1 --entry '{"name":"深圳一号仓","adcode":"440305"}'
  inventory catalog put service_area SZ-1 44 --entry '{"priority":5}'
  inventory catalog put restriction sku:A 4403 --entry \
    '{"rules":[{"verdict":"deny","name":"recall","until":"2026-12-01T00:00:00Z"}]}'
  inventory catalog put calendar SZ-1 --entry '{"time_zone":"Asia/Shanghai","cut_off":"16:00",
    "weekly":{"monday":[{"from":"09:00","until":"18:00"}]},"holidays":["2026-10-01"]}'"#;

pub(crate) fn command() -> Command {
    let noun = || Arg::new("noun").value_name("NOUN").required(true).help("One of those below");
    let key = || Arg::new("key").value_name("KEY").num_args(1..=2).required(true);
    let key = || key().help("Its key, one word or two, as below");
    let about = |name: &'static str| Command::new(name).after_help(NOUNS_HELP);
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let text = |name: &'static str| Arg::new(name).long(name).value_name("TEXT");
    let version = Arg::new("expected-version").long("expected-version").value_name("N");
    let version = version
        .value_parser(value_parser!(u64))
        .help("Refuse unless the entry has this version; 0: unless there is none");
    let edit = |command: Command| {
        command
            .arg(text("reason").help("Why"))
            .arg(text("author").help("Who"))
            .arg(version.clone())
            .arg(flag("refuse-in-use").help("Refuse to close a warehouse that holds orders"))
            .arg(flag("dry-run").help("Say what would come of it, and change nothing"))
            .arg(body::request_id())
    };
    let limit = Arg::new("limit").long("limit").value_name("N").default_value("100");
    let limit = limit.value_parser(value_parser!(u32).range(1..=1_000)).help("At most this many");
    let after = Arg::new("after").long("after").default_value("");
    let put = about("put").about("Make or replace an entry").arg(noun()).arg(key());
    let put = put.after_help(format!("{NOUNS_HELP}\n\n{PUT_EXAMPLES}")).arg(
        Arg::new("entry")
            .long("entry")
            .value_name("JSON")
            .default_value("{}")
            .help("What it says, as the HTTP call takes it"),
    );
    Command::new(NAME)
        .about("Warehouses, service areas, categories, restrictions, calendars, safety stock")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(format!(
            "{NOUNS_HELP}\n\n{PUT_EXAMPLES}\n  \
             inventory catalog list service_area --prefix 'SZ-1 '"
        ))
        .subcommand(edit(put))
        .subcommand(edit(about("delete").about("Delete an entry").arg(noun()).arg(key())))
        .subcommand(about("get").about("An entry").arg(noun()).arg(key()))
        .subcommand(
            about("list")
                .about("Entries in order of their keys")
                .arg(noun())
                .arg(Arg::new("prefix").long("prefix").default_value("").help("Keys that begin so"))
                .arg(after.help("Keys behind this one"))
                .arg(limit.clone()),
        )
        .subcommand(
            Command::new("change")
                .about("Change many entries, all or none")
                .arg(body::argument().required(true)),
        )
        .subcommand(
            Command::new("changes")
                .about("Every committed change of the catalog, oldest first")
                .arg(
                    Arg::new("after")
                        .long("after")
                        .value_name("SEQ")
                        .default_value("0")
                        .value_parser(value_parser!(u64).range(..1 << 53))
                        .help("Those after this sequence"),
                )
                .arg(limit),
        )
}

pub(crate) fn run(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let (name, matches) = matches.subcommand().expect("a subcommand is required");
    match name {
        "put" => {
            let entries::EntryKey { noun, subject, place } = key(matches)?;
            let json = matches.get_one::<String>("entry").expect("has a default");
            let body = Shape::of(noun).body(Some(b"application/json"), json.as_bytes())?;
            let entry = entries::Entry { subject, place, body };
            change(shard, types::EntryChange::Put(entry), matches, settings)
        }
        "delete" => change(shard, types::EntryChange::Delete(key(matches)?), matches, settings),
        "get" => {
            let key = key(matches)?;
            let found = shard.entry(&key)?.ok_or_else(|| unknown_entry(key.noun));
            let found = found.map(|it| StoredEntry::new(key.noun, &it).0);
            let text = found.as_ref().map(line).unwrap_or_default();
            output::reading(found, settings, || text)
        }
        "list" => list(shard, matches, settings),
        "change" => {
            let body: CatalogChange =
                body::read(matches, || Err(Failure::Misused("--body is required".into())))?;
            output::outcome(&shard.decide(body.into_command()), settings)
        }
        _ => {
            let after = *matches.get_one("after").expect("has a default");
            let limit = *matches.get_one("limit").expect("has a default");
            let listed = shard.catalog_events(after, limit)?;
            let page = CatalogChanges::new(after, &listed);
            output::reading(Ok(page), settings, || events(&listed))
        }
    }
}

fn noun(matches: &ArgMatches) -> Result<&'static Shape, Failure> {
    let name = matches.get_one::<String>("noun").expect("is required");
    let names = SHAPES.each_ref().map(|shape| shape.name).join(", ");
    Shape::named(name).ok_or_else(|| Failure::Misused(format!("{name} is none of {names}")))
}

fn key(matches: &ArgMatches) -> Result<entries::EntryKey, Failure> {
    let shape = noun(matches)?;
    let texts: Vec<&str> =
        matches.get_many::<String>("key").expect("is required").map(String::as_str).collect();
    if texts.len() != shape.key.len() {
        let fields: Vec<&str> = shape.key.iter().copied().map(KeyField::name).collect();
        let fields = fields.join(" and ");
        return Err(Failure::Misused(format!("the key of a {} is {fields}", shape.name)));
    }
    shape.key(&texts).map_err(|(_, why)| Failure::Misused(why))
}

fn change(
    shard: &mut Shard,
    change: types::EntryChange,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let edit = Edit {
        reason: said::<ReasonRule>(matches, "reason")?,
        author: said::<ReasonRule>(matches, "author")?,
        refuse_in_use: matches.get_flag("refuse-in-use"),
        dry_run: matches.get_flag("dry-run"),
        request_id: said::<RequestIdRule>(matches, "request-id")?,
    };
    let expected = at(matches.get_one("expected-version").copied());
    output::outcome(&shard.decide(put_of(change, expected, edit)), settings)
}

fn said<R: TextRule>(matches: &ArgMatches, name: &str) -> Result<Option<String>, Failure> {
    let text = matches.get_one::<String>(name);
    text.map(|text| Ok(word::<R>(text)?.into_string())).transpose()
}

fn list(shard: &mut Shard, matches: &ArgMatches, settings: &Settings) -> Result<ExitCode, Failure> {
    let noun = noun(matches)?.noun;
    let text = |name| matches.get_one::<String>(name).expect("has a default");
    let limit = *matches.get_one("limit").expect("has a default");
    let listed = shard.entries(noun, text("prefix"), text("after"), limit)?;
    let lines =
        || -> String { listed.iter().map(|it| line(&StoredEntry::new(noun, it).0)).collect() };
    output::reading(Ok(page(noun, &listed, limit)), settings, lines)
}

/// An entry in a line.
fn line(fields: &serde_json::Map<String, Value>) -> String {
    String::from_utf8_lossy(&render(fields)).into_owned() + "\n"
}

fn events(listed: &[catalog::CatalogEvent]) -> String {
    let mut table = Table::new(["seq", "at", "entry", "what", "author", "reason"]);
    for it in listed {
        let what = match (&it.before, &it.after) {
            (None, _) => "created",
            (_, None) => "deleted",
            _ => "updated",
        };
        let author = it.author.clone().unwrap_or_else(|| "-".into());
        let at = inventory_json::words::Instant(it.at).to_string();
        table.row([it.seq.to_string(), at, name(&it.key), what.into(), author, it.reason.clone()]);
    }
    let mut out = String::new();
    table.write(&mut out);
    out
}

/// What became of entries, for people.
pub(crate) fn changed(entries: &[types::ChangedEntry], again: &str) -> String {
    let mut table = Table::new(["entry", "what", "version", "orders it holds"]);
    for it in entries {
        let what = match it.effect {
            types::EntryEffect::Created => "created",
            types::EntryEffect::Updated => "updated",
            types::EntryEffect::Unchanged => "unchanged",
            types::EntryEffect::Deleted => "deleted",
            types::EntryEffect::Absent => "absent",
        };
        let holding = it.holding.join(" ");
        table.row([name(&it.key), what.into(), it.version.to_string(), holding]);
    }
    let mut out = format!("changed{again}\n");
    table.write(&mut out);
    out
}

fn name(key: &entries::EntryKey) -> String {
    let shape = Shape::of(key.noun);
    let fields = shape.key_fields(&key.subject, &key.place);
    let texts = shape.key.iter().filter_map(|field| fields[field.name()].as_str());
    format!("{} {}", shape.name, texts.collect::<Vec<_>>().join(" "))
}
