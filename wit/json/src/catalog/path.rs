//! Where the catalog is: a list for each noun, and a path for each of its entries.

use super::Noun;

/// Where a noun's entries are listed, and where each of them is.
pub const PATHS: [(Noun, &str, &str); 7] = [
    (Noun::Warehouse, "/v1/warehouses", "/v1/warehouses/{warehouse}"),
    (Noun::ServiceArea, "/v1/service-areas", "/v1/warehouses/{warehouse}/service-areas/{area}"),
    (Noun::Category, "/v1/categories", "/v1/skus/{sku}/category"),
    (Noun::Restriction, "/v1/restrictions", "/v1/restrictions/{subject}/{area}"),
    (Noun::Calendar, "/v1/calendars", "/v1/calendars/{warehouse}"),
    (Noun::SafetyStock, "/v1/safety-stock", "/v1/safety-stock/{sku}/{warehouse}"),
    (Noun::Division, "/v1/divisions", "/v1/divisions/{adcode}"),
];

/// The areas that one warehouse serves.
pub const SERVICE_AREAS: &str = "/v1/warehouses/{warehouse}/service-areas";
/// The changes of many entries, and what has changed.
pub const CHANGES: &str = "/v1/catalog/changes";

/// What a path of the catalog leads to; texts as they stand in it.
#[derive(Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// [`CHANGES`]
    Changes,
    /// All entries of a noun.
    List(Noun),
    /// [`SERVICE_AREAS`], and the warehouse.
    ServiceAreas(&'a str),
    /// One entry, and the texts of its key.
    One(Noun, Vec<&'a str>),
}

impl<'a> Place<'a> {
    /// `None`: the path is none of the catalog's.
    pub fn of(path: &'a str) -> Option<Self> {
        if path == CHANGES {
            return Some(Self::Changes);
        }
        if let Some(texts) = parameters(SERVICE_AREAS, path) {
            return Some(Self::ServiceAreas(texts[0]));
        }
        PATHS.into_iter().find_map(|(noun, all, one)| {
            if path == all {
                return Some(Self::List(noun));
            }
            Some(Self::One(noun, parameters(one, path)?))
        })
    }
}

fn parameters<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let mut texts = Vec::new();
    let (mut steps, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (steps.next(), given.next()) {
            (None, None) => return Some(texts),
            (Some(step), Some(text)) if step.starts_with('{') && !text.is_empty() => {
                texts.push(text);
            }
            (Some(step), Some(text)) if step == text => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Shape;

    #[test]
    fn every_noun_has_its_paths_and_each_key_its_parameters() {
        for (noun, all, one) in PATHS {
            let names: Vec<&str> = one
                .split('/')
                .filter_map(|step| step.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            let key: Vec<&str> = Shape::of(noun).key.iter().map(|field| field.name()).collect();
            assert_eq!(names, key);
            assert_eq!(Place::of(all), Some(Place::List(noun)));
            let path = one.replace(['{', '}'], "");
            assert_eq!(Place::of(&path), Some(Place::One(noun, key)), "{path}");
        }
        assert_eq!(Place::of("/v1/warehouses/W/service-areas"), Some(Place::ServiceAreas("W")));
        assert_eq!(Place::of("/v1/catalog/changes"), Some(Place::Changes));
        for path in ["/v1/warehouses/", "/v1/warehouses//service-areas", "/v1/stock/A", "/"] {
            assert_eq!(Place::of(path), None, "{path}");
        }
    }
}
