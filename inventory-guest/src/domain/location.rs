//! Places on the globe, and how far they are from each other.
//!
//! Distances order warehouses, so they must be the same bits in the guest and in native code.
//! Sines come from `libm`, which is plain Rust; each is then rounded to a grid, and all that
//! follows up to the comparison is integers: the square of the straight line through the earth,
//! which grows with the great circle.

use super::Malformed;
use serde::{Deserialize, Serialize};

const MICRODEGREES: f64 = 1e6;
/// Steps of a [`Position`]'s grid on the earth's radius: 1.2 cm each.
const RADIUS_STEPS: f64 = 536_870_912.0;
const RADIUS_METRES: f64 = 6_371_008.8;
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

/// A point on the sphere, by its three coordinates from the centre, in steps of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position([i64; 3]);

/// The square of the straight line between two positions, in steps of the grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Distance(u64);

impl From<Location> for Position {
    #[expect(clippy::cast_possible_truncation, reason = "a sine of 2^29 steps fits in 64 bits")]
    fn from(location: Location) -> Self {
        let latitude = location.latitude().to_radians();
        let longitude = location.longitude().to_radians();
        let level = libm::cos(latitude);
        let axes =
            [level * libm::cos(longitude), level * libm::sin(longitude), libm::sin(latitude)];
        Self(axes.map(|axis| libm::round(axis * RADIUS_STEPS) as i64))
    }
}

impl Position {
    /// How far it is.
    pub fn distance(self, to: Self) -> Distance {
        let square = |axis: usize| (self.0[axis] - to.0[axis]).unsigned_abs().pow(2);
        Distance(square(0) + square(1) + square(2))
    }
}

impl Distance {
    /// What ranks a warehouse whose distance is not known: farther than all.
    pub(super) const UNKNOWN: Self = Self(u64::MAX);

    /// What orders distances.
    pub(super) fn steps(self) -> u64 {
        self.0
    }

    /// The great circle's length.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..20,015,114")]
    #[expect(clippy::cast_precision_loss, reason = "to the metre")]
    pub fn metres(self) -> u32 {
        let half_chord = libm::sqrt(self.0 as f64) / (2.0 * RADIUS_STEPS);
        libm::round(2.0 * RADIUS_METRES * libm::asin(half_chord.min(1.0))) as u32
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
    use proptest::prelude::*;

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

    fn locations() -> impl Strategy<Value = Location> {
        (-LATITUDE_MAX..=LATITUDE_MAX, -LONGITUDE_MAX..=LONGITUDE_MAX)
            .prop_map(|(north, east)| Location::parse_microdegrees(north, east).unwrap())
    }

    /// The haversine formula, with the machine's own sines.
    fn haversine(one: Location, other: Location) -> f64 {
        let north = (other.latitude() - one.latitude()).to_radians();
        let east = (other.longitude() - one.longitude()).to_radians();
        let levels = one.latitude().to_radians().cos() * other.latitude().to_radians().cos();
        let square = (north / 2.0).sin().powi(2) + levels * (east / 2.0).sin().powi(2);
        2.0 * RADIUS_METRES * square.sqrt().min(1.0).asin()
    }

    proptest! {
        #[test]
        fn distances_are_those_of_the_haversine_formula(one in locations(), other in locations()) {
            let metres = f64::from(Position::from(one).distance(other.into()).metres());
            // Near the antipode a step of the grid is many metres of the circle.
            let tolerance = if metres < 19_900_000.0 { 2.0 } else { 2_000.0 };
            prop_assert!((metres - haversine(one, other)).abs() < tolerance, "{metres}");
        }

        #[test]
        fn the_nearer_of_two_has_the_smaller_distance(
            from in locations(),
            one in locations(),
            other in locations(),
        ) {
            let distance = |to: Location| Position::from(from).distance(to.into());
            let difference = haversine(from, one) - haversine(from, other);
            prop_assume!(difference.abs() > 2_000.0);
            prop_assert_eq!(distance(one) < distance(other), difference < 0.0);
        }
    }

    #[test]
    fn distances_are_the_same_bits_everywhere() {
        let at = |north, east| Position::from(Location::parse_microdegrees(north, east).unwrap());
        let (beijing, shanghai) = (at(39_904_211, 116_407_394), at(31_230_416, 121_473_701));
        assert_eq!(beijing.0, [-183_167_643, 368_869_291, 344_405_918]);
        let distance = beijing.distance(shanghai);
        assert_eq!((distance, distance.metres()), (Distance(8_070_299_845_218_422), 1_067_311));
        assert_eq!(beijing.distance(beijing).metres(), 0);
        assert_eq!(at(90_000_000, 0).distance(at(-90_000_000, 7)).metres(), 20_015_114);
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
