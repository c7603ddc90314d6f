//! Places on the globe, and how far they are from each other.

use super::Malformed;
use serde::{Deserialize, Serialize};

const MICRODEGREES: f64 = 1e6;
const LATITUDE_MAX: i32 = 90_000_000;
const LONGITUDE_MAX: i32 = 180_000_000;

/// A point on the globe, to the millionth of a degree (a tenth of a metre).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Location {
    latitude: i32,
    longitude: i32,
}

impl Location {
    /// Accepts latitudes -90..90 and longitudes -180..180, in degrees; rounds to the millionth.
    pub fn parse(latitude: f64, longitude: f64) -> Result<Self, Malformed> {
        let latitude_is_valid = (-90.0..=90.0).contains(&latitude);
        if !latitude_is_valid {
            return Err(Malformed(format!("a latitude must be -90..90 degrees, not {latitude}")));
        }
        let longitude_is_valid = (-180.0..=180.0).contains(&longitude);
        if !longitude_is_valid {
            return Err(Malformed(format!(
                "a longitude must be -180..180 degrees, not {longitude}"
            )));
        }
        Self::parse_microdegrees(micro(latitude), micro(longitude))
    }

    /// Accepts latitudes -90,000,000..90,000,000 and longitudes -180,000,000..180,000,000.
    pub fn parse_microdegrees(latitude: i32, longitude: i32) -> Result<Self, Malformed> {
        if !(-LATITUDE_MAX..=LATITUDE_MAX).contains(&latitude) {
            let bounds = format!("-{LATITUDE_MAX}..{LATITUDE_MAX} microdegrees");
            return Err(Malformed(format!("a latitude must be {bounds}, not {latitude}")));
        }
        if !(-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&longitude) {
            let bounds = format!("-{LONGITUDE_MAX}..{LONGITUDE_MAX} microdegrees");
            return Err(Malformed(format!("a longitude must be {bounds}, not {longitude}")));
        }
        Ok(Self { latitude, longitude })
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        f64::from(self.latitude) / MICRODEGREES
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        f64::from(self.longitude) / MICRODEGREES
    }

    /// Millionths of degrees north and east.
    pub fn microdegrees(self) -> (i32, i32) {
        (self.latitude, self.longitude)
    }
}

/// Rounds half away from zero.
#[expect(clippy::cast_possible_truncation, reason = "180 million fits in 32 bits")]
fn micro(degrees: f64) -> i32 {
    libm::round(degrees * MICRODEGREES) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_accept_exactly_the_globe() {
        let location = Location::parse(22.543_099, 114.057_868).unwrap();
        assert_eq!(location.microdegrees(), (22_543_099, 114_057_868));
        assert!(Location::parse(90.0, -180.0).is_ok());
        for (latitude, longitude) in
            [(90.000_001, 0.0), (-91.0, 0.0), (0.0, 180.1), (0.0, f64::NAN), (f64::INFINITY, 0.0)]
        {
            assert!(Location::parse(latitude, longitude).is_err(), "{latitude} {longitude}");
        }
        assert!(Location::parse_microdegrees(i32::MIN, 0).is_err());
        assert!(Location::parse_microdegrees(0, 180_000_001).is_err());
    }

    #[test]
    fn degrees_are_read_as_they_are_written() {
        for microdegrees in [0, 1, -1, 22_543_099, -89_999_999, 90_000_000] {
            let location = Location::parse_microdegrees(microdegrees, microdegrees).unwrap();
            let again = Location::parse(location.latitude(), location.longitude());
            assert_eq!(again.unwrap(), location);
        }
    }
}
