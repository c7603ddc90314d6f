//! What routing reads of the catalog: whole nouns, to remember, and by key what is too much.

use super::{decode, key, value};
use crate::domain::catalog::{Entry, Noun};
use crate::domain::restriction::{Restriction, Subject};
use crate::domain::{Adcode, Area, Category, Malformed, Sku};
use crate::storage::rows::{read, read_each, unreadable};
use crate::storage::{Database, Error, Parameter, codes};

/// What the catalog says of a sku.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) category: Option<Category>,
    /// Some area has rules about this very sku.
    pub(crate) is_restricted: bool,
}

/// Every entry of a noun.
pub(crate) fn all(database: &mut dyn Database, noun: Noun) -> Result<Vec<Entry>, Error> {
    const ALL: &str = "SELECT subject, place, body FROM catalog WHERE noun = ?";
    read(database, ALL, &[codes::of_noun(noun).into()], |cells| {
        let key = key(noun, cells)?;
        decode(key, cells.blob()?)
    })
}

/// What the catalog says of these skus, each with the number it is asked for by.
pub(crate) fn profiles<'a>(
    database: &mut dyn Database,
    skus: impl Iterator<Item = (usize, &'a Sku)>,
) -> Result<Vec<(usize, Profile)>, Error> {
    const FIND: &str = "SELECT ?2,
        (SELECT body FROM catalog WHERE noun = 3 AND subject = ?1 AND place = ''),
        EXISTS (SELECT 1 FROM catalog WHERE noun = 4 AND subject = 'sku:' || ?1)";
    let runs = skus.map(|(index, sku)| [Parameter::Text(sku.as_str()), Parameter::index(index)]);
    read_each(database, FIND, runs, |cells| {
        let index = cells.number()?;
        let category = cells.optional_blob()?.map(value).transpose()?;
        Ok((index, Profile { category, is_restricted: cells.integer()? != 0 }))
    })
}

/// The restrictions of these subjects in all areas that hold the adcode beside them.
pub(crate) fn restrictions<'a>(
    database: &mut dyn Database,
    asked: impl Iterator<Item = (&'a Subject, &'a Adcode)>,
) -> Result<Vec<(Subject, Area, Restriction)>, Error> {
    const FIND: &str = "SELECT subject, place, body FROM catalog
        WHERE noun = 4 AND subject = ?1 AND place IN ('', ?2, ?3, ?4)";
    let asked: Vec<_> = asked.map(|(subject, to)| (subject.text(), to.as_str())).collect();
    let runs = asked.iter().map(|(subject, to)| {
        let [province, city, district] = [&to[..2], &to[..4], to].map(Parameter::Text);
        [Parameter::Text(subject), province, city, district]
    });
    read_each(database, FIND, runs, |cells| {
        let malformed = |fault: Malformed| unreadable(&fault.to_string());
        let subject = Subject::parse(cells.text()?).map_err(malformed)?;
        let area = Area::parse(cells.text()?).map_err(malformed)?;
        Ok((subject, area, value(cells.blob()?)?))
    })
}
