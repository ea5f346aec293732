//! How large transactions of a load are.

use std::str::FromStr;

use rand::{Rng, RngExt as _};
use tidings_sim::workload::sizes::Sizes;

/// A distribution of sizes, bytes. Read as `300`, `uniform:200-2000`, `lognormal:400:0.8` (median, and standard deviation of the
/// logarithm) or `bitcoin` (as in a block of its main net, see [`Sizes`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SizeOf {
    /// As the launcher's and the simulator's manifests have them.
    Known(Sizes),
    /// All from a least to a most alike.
    Uniform(usize, usize),
    /// A median, and the standard deviation of the natural logarithm.
    Lognormal(f64, f64),
}

/// What is no distribution of sizes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no distribution of sizes: say 300, uniform:200-2000, lognormal:400:0.8 or bitcoin"
)]
pub struct NoSizes(String);

impl FromStr for SizeOf {
    type Err = NoSizes;

    fn from_str(text: &str) -> Result<Self, NoSizes> {
        read(text).ok_or_else(|| NoSizes(text.escape_debug().to_string()))
    }
}

fn read(text: &str) -> Option<SizeOf> {
    let (name, of) = text.split_once(':').unwrap_or((text, ""));
    match name {
        "bitcoin" if of.is_empty() => Some(SizeOf::Known(Sizes::Bitcoin)),
        "uniform" => {
            let (least, most) = of.split_once('-')?;
            let (least, most) = (least.parse().ok()?, most.parse().ok()?);
            (least <= most && most > 0).then_some(SizeOf::Uniform(least, most))
        }
        "lognormal" => {
            let (median, deviation) = of.split_once(':')?;
            let (median, deviation): (f64, f64) = (median.parse().ok()?, deviation.parse().ok()?);
            let makes_sense = (1.0..1e9).contains(&median) && (0.0..=5.0).contains(&deviation);
            makes_sense.then_some(SizeOf::Lognormal(median, deviation))
        }
        "fixed" => Some(SizeOf::Known(Sizes::Fixed(of.parse().ok()?))),
        number if of.is_empty() => Some(SizeOf::Known(Sizes::Fixed(number.parse().ok()?))),
        _ => None,
    }
}

impl SizeOf {
    /// Draws a size.
    pub fn draw(self, rng: &mut impl Rng) -> usize {
        match self {
            Self::Known(sizes) => sizes.draw(rng),
            Self::Uniform(least, most) => rng.random_range(least..=most),
            Self::Lognormal(median, deviation) => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "positive, and a float too large becomes the largest"
                )]
                let size = (median * (deviation * normal(rng)).exp()).round() as usize;
                size
            }
        }
    }
}

/// A number of the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut impl Rng) -> f64 {
    let (distance, angle): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - distance).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn drawn(text: &str) -> Vec<usize> {
        let (sizes, mut rng): (SizeOf, _) = (text.parse().unwrap(), ChaCha8Rng::seed_from_u64(1));
        let mut drawn: Vec<usize> = (0..4_000).map(|_| sizes.draw(&mut rng)).collect();
        drawn.sort_unstable();
        drawn
    }

    #[test]
    fn each_distribution_draws_what_it_says() {
        assert!(drawn("300").iter().chain(&drawn("fixed:300")).all(|size| *size == 300));
        let uniform = drawn("uniform:200-400");
        assert_eq!((uniform[0], uniform[3_999]), (200, 400));
        assert!((290..=310).contains(&uniform[2_000]), "{}", uniform[2_000]);
        let lognormal = drawn("lognormal:400:0.5");
        assert!((380..=420).contains(&lognormal[2_000]), "{}", lognormal[2_000]);
        // One standard deviation up: 84 % of all, and e^0.5 times the median.
        assert!((620..=700).contains(&lognormal[3_365]), "{}", lognormal[3_365]);
        assert!((200..=300).contains(&drawn("bitcoin")[2_000]));
    }

    #[test]
    fn what_is_no_distribution_is_told_with_those_that_are() {
        for text in [
            "",
            "many",
            "uniform:9-3",
            "uniform:5",
            "lognormal:0:1",
            "lognormal:400",
            "bitcoin:1",
            "300:4",
        ] {
            let error = text.parse::<SizeOf>().unwrap_err().to_string();
            assert!(error.contains("uniform:200-2000"), "{error}");
        }
    }
}
