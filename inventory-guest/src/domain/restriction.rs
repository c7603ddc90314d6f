//! Restrictions [地区限制]: what may not be shipped where, and when.

use super::{Category, Instant, Label, Malformed, Sku};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The most rules of one subject in one area.
pub const RULES_MAX: usize = 32;

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It may be shipped there.
    Allow,
    /// It may not.
    Deny,
}

/// A verdict, for a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// What it says.
    pub verdict: Verdict,
    from: Option<Instant>,
    until: Option<Instant>,
    /// What a refusal calls it.
    pub name: Label,
}

impl Rule {
    /// Accepts a window [from, until) that is not empty; either end may be open.
    pub fn parse(
        verdict: Verdict,
        from: Option<Instant>,
        until: Option<Instant>,
        name: Label,
    ) -> Result<Self, Malformed> {
        if from.zip(until).is_some_and(|(from, until)| from >= until) {
            let name = name.as_str();
            return Err(Malformed(format!("the rule {name:?} must end after it begins")));
        }
        Ok(Self { verdict, from, until, name })
    }

    /// The first instant at which it holds; `None`: it always has.
    pub fn from(&self) -> Option<Instant> {
        self.from
    }

    /// The first instant at which it no longer holds; `None`: it always will.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Whether it holds at this instant.
    pub fn holds_at(&self, now: Instant) -> bool {
        self.from.is_none_or(|from| from <= now) && self.until.is_none_or(|until| now < until)
    }
}

/// The rules of one subject in one area.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Restriction(Vec<Rule>);

impl Restriction {
    /// Accepts 1..32 rules.
    pub fn parse(rules: Vec<Rule>) -> Result<Self, Malformed> {
        if (1..=RULES_MAX).contains(&rules.len()) {
            Ok(Self(rules))
        } else {
            let given = rules.len();
            Err(Malformed(format!("a restriction has 1..{RULES_MAX} rules, not {given}")))
        }
    }

    /// The rules, as they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }
}

/// What a restriction is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Subject {
    /// Every sku.
    All,
    /// The skus of a category.
    Category(Category),
    /// One sku.
    Sku(Sku),
}

impl Subject {
    /// Accepts `all`, `category:` with a category, `sku:` with a sku.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        if text == "all" {
            Ok(Self::All)
        } else if let Some(category) = text.strip_prefix("category:") {
            Category::parse(category).map(Self::Category)
        } else if let Some(sku) = text.strip_prefix("sku:") {
            Sku::parse(sku).map(Self::Sku)
        } else {
            let given: String = text.chars().take(160).collect();
            let rule = "a restriction's subject must be all, category:… or sku:…";
            Err(Malformed(format!("{rule}, not {given:?}")))
        }
    }

    /// The subject as `parse` reads it, and as its row is found.
    pub fn text(&self) -> Cow<'static, str> {
        match self {
            Self::All => Cow::Borrowed("all"),
            Self::Category(category) => Cow::Owned(format!("category:{}", category.as_str())),
            Self::Sku(sku) => Cow::Owned(format!("sku:{}", sku.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_as_they_are_written() {
        for text in ["all", "category:fragile", "sku:85123A", "sku:all", "category:sku:1"] {
            assert_eq!(Subject::parse(text).unwrap().text(), text);
        }
        for text in ["", "ALL", "85123A", "sku:", "category:", "category:a b", "skus:1"] {
            assert!(Subject::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_rule_holds_from_its_first_instant_to_before_its_last() {
        let at = |milliseconds| Instant::parse(milliseconds).unwrap();
        let rule =
            |from, until| Rule::parse(Verdict::Deny, from, until, Label::parse("汛期").unwrap());
        let windowed = rule(Some(at(10)), Some(at(20))).unwrap();
        let held: Vec<_> = [9, 10, 19, 20].map(|it| windowed.holds_at(at(it))).into();
        assert_eq!(held, [false, true, true, false]);
        assert!(rule(None, None).unwrap().holds_at(at(0)));
        assert!(rule(Some(at(20)), Some(at(20))).is_err());
    }

    #[test]
    fn a_restriction_has_one_to_thirty_two_rules() {
        let rule = Rule::parse(Verdict::Allow, None, None, Label::parse("x").unwrap()).unwrap();
        assert!(Restriction::parse(vec![]).is_err());
        assert!(Restriction::parse(vec![rule.clone(); 32]).is_ok());
        assert!(Restriction::parse(vec![rule; 33]).is_err());
    }
}
