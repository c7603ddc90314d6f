//! Areas: an adcode's first digits name its province, city or district.

use super::{Adcode, Malformed};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The first 0 (everywhere), 2 (a province), 4 (a city) or 6 (a district) digits of an adcode.
///
/// Only digits are compared: an area need not be in any list of divisions, so codes that are
/// retired, or too new to be known, lie in the areas that their digits name. Ordered as its text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Area {
    /// ASCII, then zero bytes.
    digits: [u8; 6],
    length: u8,
}

impl Area {
    /// The area that holds all others.
    pub const EVERYWHERE: Self = Self { digits: [0; 6], length: 0 };

    /// Accepts 0, 2, 4 or 6 digits.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let is_area =
            matches!(text.len(), 0 | 2 | 4 | 6) && text.bytes().all(|b| b.is_ascii_digit());
        if is_area {
            Ok(Self::cut(text.as_bytes()))
        } else {
            let given: String = text.chars().take(160).collect();
            Err(Malformed(format!("Area must be 0, 2, 4 or 6 digits, not {given:?}")))
        }
    }

    /// The area of the adcode's first digits: 0, 2, 4 or 6 of them.
    pub fn of(adcode: &Adcode, digits: usize) -> Self {
        assert!(matches!(digits, 0 | 2 | 4 | 6), "no area has {digits} digits");
        Self::cut(&adcode.as_str().as_bytes()[..digits])
    }

    /// The areas that the adcode lies in, the smallest first.
    pub fn around(adcode: &Adcode) -> [Self; 4] {
        [6, 4, 2, 0].map(|digits| Self::of(adcode, digits))
    }

    /// The area that an adcode itself names: a province's ends with four zeros, a city's with two.
    pub fn named_by(adcode: &Adcode) -> Self {
        let digits = adcode.as_str();
        let digits = digits.strip_suffix("00").unwrap_or(digits);
        let digits =
            if digits.len() == 4 { digits.strip_suffix("00").unwrap_or(digits) } else { digits };
        Self::cut(digits.as_bytes())
    }

    fn cut(text: &[u8]) -> Self {
        let mut area = Self::EVERYWHERE;
        for (digit, byte) in area.digits.iter_mut().zip(text) {
            *digit = *byte;
            area.length += 1;
        }
        area
    }

    /// The area's digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..usize::from(self.length)]).expect("digits are ASCII")
    }

    /// How many digits: more of them name a smaller area.
    pub fn digits(&self) -> u8 {
        self.length
    }

    /// Whether the adcode lies in the area.
    pub fn holds(&self, adcode: &Adcode) -> bool {
        adcode.as_str().starts_with(self.as_str())
    }
}

impl fmt::Debug for Area {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Area({:?})", self.as_str())
    }
}

impl fmt::Display for Area {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_an_even_number_of_digits() {
        for text in ["", "44", "4403", "440305"] {
            assert_eq!(Area::parse(text).unwrap().as_str(), text);
        }
        for text in ["4", "440", "44030", "4403050", "4x", "４４", " 44"] {
            assert!(Area::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(
            Area::parse("440").unwrap_err().to_string(),
            "Area must be 0, 2, 4 or 6 digits, not \"440\"",
        );
    }

    #[test]
    fn an_adcode_lies_in_the_areas_of_its_first_digits_and_in_no_other() {
        let adcode = Adcode::parse("441900").unwrap();
        let around = Area::around(&adcode).map(|area| area.to_string());
        assert_eq!(around, ["441900", "4419", "44", ""]);
        for area in Area::around(&adcode) {
            assert!(area.holds(&adcode));
        }
        for text in ["441901", "4418", "45"] {
            assert!(!Area::parse(text).unwrap().holds(&adcode), "{text}");
        }
    }

    #[test]
    fn an_adcode_names_a_province_a_city_or_a_district() {
        for (adcode, area) in [
            ("440000", "44"),
            ("440300", "4403"),
            ("440305", "440305"),
            ("441900", "4419"),
            ("710000", "71"),
            ("110100", "1101"),
            ("429004", "429004"),
            ("429000", "4290"),
            ("100000", "10"),
            ("460400", "4604"),
        ] {
            assert_eq!(Area::named_by(&Adcode::parse(adcode).unwrap()).as_str(), area);
        }
    }

    #[test]
    fn areas_sort_as_their_text() {
        let texts = ["", "44", "4403", "440305", "4404", "45"];
        let areas = texts.map(|text| Area::parse(text).unwrap());
        assert!(areas.is_sorted());
    }
}
