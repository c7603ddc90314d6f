//! The catalog's words, in and out.

use super::{entries, readings, types};
use crate::domain::calendar::{Calendar, CalendarDraft, Date, Promotion, StopShip, TimeZoneName};
use crate::domain::calendar::{Window, Windows, Workday};
use crate::domain::catalog::{
    Division, Entry, EntryKey, Noun, Owner, SafetyStock, ServiceArea, Warehouse,
};
use crate::domain::restriction::{Restriction, Rule, Verdict};
use crate::domain::{
    Adcode, CatalogChange, CatalogItem, Category, ChangedEntry, EntryChange, EntryEffect,
    ExpectedVersion, Instant, Items, Label, Level, Location, Malformed, OrderId, Reason, RequestId,
};
use crate::operations::queries::{CatalogEvent, StoredEntry};

/// A change of the catalog, or why it breaks the contract.
pub(super) fn change(change: types::CatalogChange) -> Result<CatalogChange, Malformed> {
    let items = change.items.into_iter().map(item).collect::<Result<_, Malformed>>()?;
    Ok(CatalogChange {
        author: change.author.map(Reason::parse).transpose()?,
        reason: Reason::parse(change.reason)?,
        items: Items::parse(items)?,
        refuse_in_use: change.refuse_in_use,
        dry_run: change.dry_run,
        request_id: change.request_id.map(RequestId::parse).transpose()?,
    })
}

fn item(item: types::CatalogItem) -> Result<CatalogItem, Malformed> {
    Ok(CatalogItem {
        change: match item.change {
            types::EntryChange::Put(it) => EntryChange::Put(entry(it)?),
            types::EntryChange::Delete(it) => EntryChange::Delete(key(&it)?),
        },
        expected_version: match item.expected_version {
            types::ExpectedVersion::Any => ExpectedVersion::Any,
            types::ExpectedVersion::Version(it) => ExpectedVersion::Version(it),
            types::ExpectedVersion::Present => ExpectedVersion::Present,
            types::ExpectedVersion::OneOf(it) => ExpectedVersion::one_of(it)?,
        },
    })
}

/// A key, through the domain's door.
pub fn key(key: &entries::EntryKey) -> Result<EntryKey, Malformed> {
    EntryKey::parse(noun(key.noun), &key.subject, &key.place)
}

/// A noun.
pub fn noun(noun: entries::Noun) -> Noun {
    match noun {
        entries::Noun::Warehouse => Noun::Warehouse,
        entries::Noun::ServiceArea => Noun::ServiceArea,
        entries::Noun::Category => Noun::Category,
        entries::Noun::Restriction => Noun::Restriction,
        entries::Noun::Calendar => Noun::Calendar,
        entries::Noun::SafetyStock => Noun::SafetyStock,
        entries::Noun::Division => Noun::Division,
    }
}

/// An entry, through the domain's doors.
pub(super) fn entry(entry: entries::Entry) -> Result<Entry, Malformed> {
    let entries::Entry { subject, place, body } = entry;
    let noun = match &body {
        entries::EntryBody::Warehouse(_) => Noun::Warehouse,
        entries::EntryBody::ServiceArea(_) => Noun::ServiceArea,
        entries::EntryBody::Category(_) => Noun::Category,
        entries::EntryBody::Restriction(_) => Noun::Restriction,
        entries::EntryBody::Calendar(_) => Noun::Calendar,
        entries::EntryBody::SafetyStock(_) => Noun::SafetyStock,
        entries::EntryBody::Division(_) => Noun::Division,
    };
    Ok(match (EntryKey::parse(noun, &subject, &place)?, body) {
        (EntryKey::Warehouse(code), entries::EntryBody::Warehouse(it)) => {
            Entry::Warehouse(code, warehouse(it)?)
        }
        (EntryKey::ServiceArea(code, area), entries::EntryBody::ServiceArea(it)) => {
            let it = ServiceArea { priority: it.priority, backup: it.backup };
            Entry::ServiceArea(code, area, it)
        }
        (EntryKey::Category(sku), entries::EntryBody::Category(it)) => {
            Entry::Category(sku, Category::parse(it)?)
        }
        (EntryKey::Restriction(subject, area), entries::EntryBody::Restriction(rules)) => {
            let rules = rules.into_iter().map(rule).collect::<Result<_, Malformed>>()?;
            Entry::Restriction(subject, area, Restriction::parse(rules)?)
        }
        (EntryKey::Calendar(code), entries::EntryBody::Calendar(it)) => {
            Entry::Calendar(code, Box::new(calendar(it)?))
        }
        (EntryKey::SafetyStock(sku, code), entries::EntryBody::SafetyStock(units)) => {
            Entry::SafetyStock(sku, code, SafetyStock(Level::parse(units)?))
        }
        (EntryKey::Division(adcode), entries::EntryBody::Division(it)) => {
            let (name, location) = (Label::parse(it.name)?, location(&it.location)?);
            Entry::Division(adcode, Division { name, location })
        }
        _ => unreachable!("a key is parsed for its body's noun"),
    })
}

fn warehouse(warehouse: entries::Warehouse) -> Result<Warehouse, Malformed> {
    Ok(Warehouse {
        name: warehouse.name.map(Label::parse).transpose()?,
        owner: match warehouse.owner {
            entries::Owner::Own => Owner::Own,
            entries::Owner::ThirdParty => Owner::ThirdParty,
        },
        adcode: warehouse.adcode.map(Adcode::parse).transpose()?,
        location: warehouse.location.as_ref().map(location).transpose()?,
        active: warehouse.active,
    })
}

/// A place on the globe.
pub(super) fn location(location: &entries::Location) -> Result<Location, Malformed> {
    Location::parse_microdegrees(location.latitude_e6, location.longitude_e6)
}

fn rule(rule: entries::Rule) -> Result<Rule, Malformed> {
    let verdict = match rule.verdict {
        entries::Verdict::Allow => Verdict::Allow,
        entries::Verdict::Deny => Verdict::Deny,
    };
    let instant = |at: Option<i64>| at.map(Instant::parse).transpose();
    Rule::parse(verdict, instant(rule.from)?, instant(rule.until)?, Label::parse(rule.name)?)
}

fn calendar(calendar: entries::Calendar) -> Result<Calendar, Malformed> {
    let days = calendar.weekly.into_iter().map(windows).collect::<Result<Vec<_>, _>>()?;
    let weekly = <[Windows; 7]>::try_from(days)
        .map_err(|days| Malformed(format!("a week has 7 days, not {}", days.len())))?;
    let workday = |it: entries::Workday| {
        Ok(Workday { date: Date::parse(&it.date)?, windows: windows(it.windows)? })
    };
    let promotion = |it: entries::Promotion| {
        let (from, until) = (Date::parse(&it.from)?, Date::parse(&it.until)?);
        Ok(Promotion { from, until, windows: windows(it.windows)? })
    };
    let stop = |it: entries::Stop| {
        Ok(StopShip { from: Instant::parse(it.from)?, until: Instant::parse(it.until)? })
    };
    Calendar::parse(CalendarDraft {
        time_zone: TimeZoneName::parse(&calendar.time_zone)?,
        weekly,
        cut_off: calendar.cut_off_minute,
        handling_minutes: calendar.handling_minutes,
        holidays: each(calendar.holidays, |it| Date::parse(&it))?,
        workdays: each(calendar.workdays, workday)?,
        promotions: each(calendar.promotions, promotion)?,
        stop_ship: each(calendar.stops, stop)?,
    })
}

fn windows(windows: Vec<entries::Window>) -> Result<Windows, Malformed> {
    Windows::parse(each(windows, |it| Window::parse(it.from_minute, it.until_minute))?)
}

fn each<T, U>(
    items: Vec<T>,
    parse: impl FnMut(T) -> Result<U, Malformed>,
) -> Result<Vec<U>, Malformed> {
    items.into_iter().map(parse).collect()
}

/// What became of an entry.
pub(super) fn changed(changed: ChangedEntry) -> types::ChangedEntry {
    types::ChangedEntry {
        key: key_out(&changed.key),
        effect: match changed.effect {
            EntryEffect::Created => types::EntryEffect::Created,
            EntryEffect::Updated => types::EntryEffect::Updated,
            EntryEffect::Unchanged => types::EntryEffect::Unchanged,
            EntryEffect::Deleted => types::EntryEffect::Deleted,
            EntryEffect::Absent => types::EntryEffect::Absent,
        },
        version: changed.version,
        holding: changed.holding.into_iter().map(OrderId::into_string).collect(),
    }
}

/// A key.
pub(super) fn key_out(key: &EntryKey) -> entries::EntryKey {
    let noun = noun_out(key.noun());
    let (subject, place) = (key.subject().into_owned(), key.place().to_owned());
    entries::EntryKey { noun, subject, place }
}

pub(super) fn noun_out(noun: Noun) -> entries::Noun {
    match noun {
        Noun::Warehouse => entries::Noun::Warehouse,
        Noun::ServiceArea => entries::Noun::ServiceArea,
        Noun::Category => entries::Noun::Category,
        Noun::Restriction => entries::Noun::Restriction,
        Noun::Calendar => entries::Noun::Calendar,
        Noun::SafetyStock => entries::Noun::SafetyStock,
        Noun::Division => entries::Noun::Division,
    }
}

/// An entry as it is now.
pub fn stored_entry(stored: StoredEntry) -> readings::StoredEntry {
    let entries::EntryKey { subject, place, .. } = key_out(&stored.entry.key());
    let entry = entries::Entry { subject, place, body: body(stored.entry) };
    readings::StoredEntry { version: stored.version, entry }
}

/// One change of one entry.
pub fn event(event: CatalogEvent) -> readings::CatalogEvent {
    readings::CatalogEvent {
        seq: event.seq,
        at: event.at.as_milliseconds(),
        author: event.author,
        reason: event.reason,
        key: key_out(&event.key),
        before: event.before.map(body),
        after: event.after.map(body),
    }
}

fn body(entry: Entry) -> entries::EntryBody {
    match entry {
        Entry::Warehouse(_, it) => entries::EntryBody::Warehouse(entries::Warehouse {
            name: it.name.map(Label::into_string),
            owner: match it.owner {
                Owner::Own => entries::Owner::Own,
                Owner::ThirdParty => entries::Owner::ThirdParty,
            },
            adcode: it.adcode.map(Adcode::into_string),
            location: it.location.map(location_out),
            active: it.active,
        }),
        Entry::ServiceArea(_, _, it) => {
            let it = entries::ServiceArea { priority: it.priority, backup: it.backup };
            entries::EntryBody::ServiceArea(it)
        }
        Entry::Category(_, category) => entries::EntryBody::Category(category.into_string()),
        Entry::Restriction(_, _, it) => {
            entries::EntryBody::Restriction(it.rules().iter().map(rule_out).collect())
        }
        Entry::Calendar(_, it) => entries::EntryBody::Calendar(calendar_out(&it)),
        Entry::SafetyStock(_, _, units) => entries::EntryBody::SafetyStock(units.0.get()),
        Entry::Division(_, it) => entries::EntryBody::Division(entries::Division {
            name: it.name.into_string(),
            location: location_out(it.location),
        }),
    }
}

fn location_out(location: Location) -> entries::Location {
    let (latitude_e6, longitude_e6) = location.microdegrees();
    entries::Location { latitude_e6, longitude_e6 }
}

fn rule_out(rule: &Rule) -> entries::Rule {
    entries::Rule {
        verdict: match rule.verdict {
            Verdict::Allow => entries::Verdict::Allow,
            Verdict::Deny => entries::Verdict::Deny,
        },
        from: rule.from().map(Instant::as_milliseconds),
        until: rule.until().map(Instant::as_milliseconds),
        name: rule.name.as_str().to_owned(),
    }
}

fn calendar_out(calendar: &CalendarDraft) -> entries::Calendar {
    let workday = |it: &Workday| entries::Workday {
        date: it.date.to_string(),
        windows: windows_out(&it.windows),
    };
    let promotion = |it: &Promotion| entries::Promotion {
        from: it.from.to_string(),
        until: it.until.to_string(),
        windows: windows_out(&it.windows),
    };
    let stop = |it: &StopShip| entries::Stop {
        from: it.from.as_milliseconds(),
        until: it.until.as_milliseconds(),
    };
    entries::Calendar {
        time_zone: calendar.time_zone.as_str().to_owned(),
        weekly: calendar.weekly.iter().map(windows_out).collect(),
        cut_off_minute: calendar.cut_off,
        handling_minutes: calendar.handling_minutes,
        holidays: calendar.holidays.iter().map(Date::to_string).collect(),
        workdays: calendar.workdays.iter().map(workday).collect(),
        promotions: calendar.promotions.iter().map(promotion).collect(),
        stops: calendar.stop_ship.iter().map(stop).collect(),
    }
}

fn windows_out(windows: &Windows) -> Vec<entries::Window> {
    let window = |it: &Window| entries::Window { from_minute: it.from(), until_minute: it.until() };
    windows.iter().map(window).collect()
}
