//! A coordinate: where a member is, and how it looks in bytes.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::ZERO;
use crate::wire::bytes::{Encode, Malformed, Reader};

/// Dimensions of a place. Serf's `Dimensionality`: more than seven bring nothing (Ledlie et al. 2007, §4).
pub const DIMENSIONS: usize = 8;
/// The least height, seconds. Serf's `HeightMin`.
pub const HEIGHT_MIN: f64 = 10e-6;
/// The error of whoever knows nothing, and the greatest, as a part of the distance. Serf's `VivaldiErrorMax`.
pub const ERROR_MAX: f64 = 1.5;
/// The longest round trip. Serf's `maxRTT`. No part of a coordinate is greater.
pub const RTT_MAX: Duration = Duration::from_secs(10);
/// Bytes of a coordinate.
pub const COORDINATE_LEN: usize = 4 * (DIMENSIONS + 3);

/// Where a member is.
#[derive(Clone, Debug, PartialEq)]
pub struct Coordinate {
    /// Seconds.
    pub(super) place: [f64; DIMENSIONS],
    /// The way to the network, seconds.
    pub(super) height: f64,
    /// How uncertain it is, as a part of the distance.
    pub(super) error: f64,
    /// What is added to distances, seconds.
    pub(super) adjustment: f64,
}

/// Every part is a number: others aren't read, and a step that leads to one is taken back.
impl Eq for Coordinate {}

impl Default for Coordinate {
    /// At the origin, and knowing nothing.
    fn default() -> Self {
        Self { place: [0.0; DIMENSIONS], height: HEIGHT_MIN, error: ERROR_MAX, adjustment: 0.0 }
    }
}

impl Coordinate {
    /// The round trip between two members, as far as their coordinates tell.
    #[must_use]
    pub fn distance(&self, other: &Self) -> Duration {
        let raw = self.raw_distance(other);
        let adjusted = raw + self.adjustment + other.adjustment;
        Duration::from_secs_f64(if adjusted > 0.0 { adjusted } else { raw })
    }

    /// As others are told of it: each part as a float of four bytes.
    #[must_use]
    pub fn as_told(&self) -> Self {
        let short = |part: f64| f64::from(four_bytes(part));
        let place = self.place.map(short);
        let [height, error, adjustment] = [self.height, self.error, self.adjustment].map(short);
        Self { place, height, error, adjustment }
    }

    /// How uncertain this is, as a part of distances: at most [`ERROR_MAX`], which is to know nothing.
    #[must_use]
    pub const fn error(&self) -> f64 {
        self.error
    }

    /// Without adjustments, seconds.
    pub(super) fn raw_distance(&self, other: &Self) -> f64 {
        length(&self.from(other)) + self.height + other.height
    }

    /// Moves by `force` seconds away from another, in place and height.
    pub(super) fn push(&mut self, force: f64, other: &Self, rng: &mut dyn Rng) {
        let away = self.from(other);
        let length = length(&away);
        let apart = length > ZERO;
        let unit = if apart { away.map(|part| part / length) } else { anywhere(rng) };
        for (place, unit) in self.place.iter_mut().zip(unit) {
            *place += unit * force;
        }
        if apart {
            let height = self.height + (self.height + other.height) * force / length;
            self.height = height.clamp(HEIGHT_MIN, RTT_MAX.as_secs_f64());
        }
    }

    /// Whether every part is a number within its bounds.
    pub(super) fn is_usable(&self) -> bool {
        let most = RTT_MAX.as_secs_f64();
        // What is no number is in no range. The least height is a little less in four bytes.
        self.place.iter().all(|part| (-most..=most).contains(part))
            && (HEIGHT_MIN * 0.999..=most).contains(&self.height)
            && (0.0..=ERROR_MAX).contains(&self.error)
            && (-most..=most).contains(&self.adjustment)
    }

    fn from(&self, other: &Self) -> [f64; DIMENSIONS] {
        std::array::from_fn(|part| self.place[part] - other.place[part])
    }
}

impl Encode for Coordinate {
    /// Place, height, error and adjustment, each as a float of four bytes: a microsecond at ten seconds.
    fn put(&self, out: &mut Vec<u8>) {
        for part in self.place.iter().chain([&self.height, &self.error, &self.adjustment]) {
            out.extend_from_slice(&four_bytes(*part).to_le_bytes());
        }
    }

    fn encoded_len(&self) -> usize {
        COORDINATE_LEN
    }

    fn take(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut part = || input.array().map(f32::from_le_bytes).map(f64::from);
        let mut place = [0.0; DIMENSIONS];
        for one in &mut place {
            *one = part()?;
        }
        let coordinate = Self { place, height: part()?, error: part()?, adjustment: part()? };
        if coordinate.is_usable() {
            Ok(coordinate)
        } else {
            Err(Malformed::Meaningless("coordinate"))
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits are enough")]
const fn four_bytes(part: f64) -> f32 {
    part as f32
}

/// A direction, any.
fn anywhere(rng: &mut dyn Rng) -> [f64; DIMENSIONS] {
    let random: [f64; DIMENSIONS] = std::array::from_fn(|_| rng.random::<f64>() - 0.5);
    let length = length(&random);
    if length > ZERO {
        return random.map(|part| part / length);
    }
    let mut first = [0.0; DIMENSIONS];
    first[0] = 1.0;
    first
}

fn length(vector: &[f64; DIMENSIONS]) -> f64 {
    vector.iter().map(|part| part * part).sum::<f64>().sqrt()
}
