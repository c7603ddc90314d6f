//! What an entry of each noun says, as JSON: strict in, and the same out.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{Label, Latitude, Longitude, Moment};
use crate::contract::entries;
use crate::words::{
    Adcode, Category as CategoryName, CounterValue, Integer, IntegerRule, Text, TextRule,
};

/// A place that ships.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Warehouse {
    /// What people call it.
    name: Option<Label>,
    #[serde(default)]
    owner: Owner,
    /// Where it stands.
    adcode: Option<Adcode>,
    /// Where exactly; with `lon`.
    lat: Option<Latitude>,
    lon: Option<Longitude>,
    /// Whether it takes new orders; by default it does.
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

/// Who runs a warehouse.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// We do.
    #[default]
    Own,
    /// Another company does, for us.
    ThirdParty,
}

/// That a warehouse serves an area.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceArea {
    /// Lower is chosen first; 100 by default.
    #[serde(default = "priority_default")]
    priority: Priority,
    /// Only used when no primary warehouse has the stock.
    #[serde(default)]
    backup: bool,
}

/// Which warehouse comes first.
pub type Priority = Integer<PriorityRule>;
/// What a [`Priority`] is.
pub enum PriorityRule {}
impl IntegerRule for PriorityRule {
    const NAME: &'static str = "Priority";
    const MIN: i64 = 0;
    const MAX: i64 = 1_000_000;
}

fn priority_default() -> Priority {
    Priority::new(100).expect("is within the rule")
}

/// The category of a sku.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Category {
    category: CategoryName,
}

/// The rules of a subject in an area.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Restriction {
    #[schema(min_items = 1, max_items = 32)]
    rules: Vec<Rule>,
}

/// What may or may not be shipped, for a time.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    verdict: Verdict,
    /// In force from then; without it, it always was.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Moment>,
    /// In force before then; without it, for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Moment>,
    /// What a refusal calls it.
    name: Label,
}

/// What a rule says.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It may be shipped there.
    Allow,
    /// It may not.
    Deny,
}

/// Units of a sku that a warehouse keeps back.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SafetyStock {
    units: CounterValue,
}

/// A province, city or district.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Division {
    name: Label,
    /// Its centre.
    lat: Latitude,
    lon: Longitude,
}

impl Warehouse {
    pub(super) fn into_body(self) -> Result<entries::EntryBody, &'static str> {
        let location = match (self.lat, self.lon) {
            (Some(lat), Some(lon)) => Some(location(lat, lon)),
            (None, None) => None,
            _ => return Err("lat and lon go together"),
        };
        Ok(entries::EntryBody::Warehouse(entries::Warehouse {
            name: self.name.map(|Label(name)| name),
            owner: match self.owner {
                Owner::Own => entries::Owner::Own,
                Owner::ThirdParty => entries::Owner::ThirdParty,
            },
            adcode: self.adcode.map(Adcode::into_string),
            location,
            active: self.active,
        }))
    }
}

/// A place on the globe.
pub(crate) fn location(lat: Latitude, lon: Longitude) -> entries::Location {
    entries::Location { latitude_e6: lat.0, longitude_e6: lon.0 }
}

impl From<&entries::Warehouse> for Warehouse {
    fn from(it: &entries::Warehouse) -> Self {
        Self {
            name: it.name.clone().map(Label),
            owner: match it.owner {
                entries::Owner::Own => Owner::Own,
                entries::Owner::ThirdParty => Owner::ThirdParty,
            },
            adcode: it.adcode.as_deref().and_then(known),
            lat: it.location.as_ref().map(|at| Latitude { 0: at.latitude_e6 }),
            lon: it.location.as_ref().map(|at| Longitude { 0: at.longitude_e6 }),
            active: it.active,
        }
    }
}

/// A text of the guest's, which keeps the rule too.
fn known<R: TextRule>(text: &str) -> Option<Text<R>> {
    Text::parse(text).ok()
}

impl From<ServiceArea> for entries::EntryBody {
    fn from(it: ServiceArea) -> Self {
        let priority = it.priority.to_u32();
        Self::ServiceArea(entries::ServiceArea { priority, backup: it.backup })
    }
}

impl From<Category> for entries::EntryBody {
    fn from(it: Category) -> Self {
        Self::Category(it.category.into_string())
    }
}

impl From<Restriction> for entries::EntryBody {
    fn from(it: Restriction) -> Self {
        let rule = |it: Rule| entries::Rule {
            verdict: match it.verdict {
                Verdict::Allow => entries::Verdict::Allow,
                Verdict::Deny => entries::Verdict::Deny,
            },
            from: it.from.map(|Moment(at)| at),
            until: it.until.map(|Moment(at)| at),
            name: it.name.0,
        };
        Self::Restriction(it.rules.into_iter().map(rule).collect())
    }
}

impl From<&[entries::Rule]> for Restriction {
    fn from(rules: &[entries::Rule]) -> Self {
        let rule = |it: &entries::Rule| Rule {
            verdict: match it.verdict {
                entries::Verdict::Allow => Verdict::Allow,
                entries::Verdict::Deny => Verdict::Deny,
            },
            from: it.from.map(Moment),
            until: it.until.map(Moment),
            name: Label(it.name.clone()),
        };
        Self { rules: rules.iter().map(rule).collect() }
    }
}

impl From<SafetyStock> for entries::EntryBody {
    fn from(it: SafetyStock) -> Self {
        Self::SafetyStock(it.units.to_u32())
    }
}

impl From<Division> for entries::EntryBody {
    fn from(it: Division) -> Self {
        let (name, location) = (it.name.0, location(it.lat, it.lon));
        Self::Division(entries::Division { name, location })
    }
}
