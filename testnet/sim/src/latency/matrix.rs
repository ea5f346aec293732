//! A table of regions and of the latency between each two.

use std::collections::BTreeSet;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use super::{MOST_MS, Place};
use crate::random::shared::{self, Stream};

/// Most regions: far more than anybody has measured. A guess.
const REGIONS_MAX: usize = 1_000;

/// The table. Rows and columns are regions, in one order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matrix {
    /// Their names.
    pub regions: Vec<String>,
    /// How nodes are spread over them, in parts of anything.
    pub shares: Vec<f64>,
    /// One-way latency, milliseconds, by sender (row) and receiver.
    pub one_way_ms: Vec<Vec<f64>>,
}

impl Matrix {
    /// Reads a table of comma-separated values:
    ///
    /// ```csv
    /// region,share,berlin,tokyo
    /// berlin,3,1.5,120
    /// tokyo,1,121,2
    /// ```
    ///
    /// # Errors
    /// A sentence about the first line that is something else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().zip(1_usize..).filter(|(line, _)| !line.trim().is_empty());
        let (header, _) = lines
            .next()
            .ok_or("it is empty, but must begin with `region,share` and the regions")?;
        let mut names = header.split(',').map(str::trim);
        if (names.next(), names.next()) != (Some("region"), Some("share")) {
            return Err("line 1 must be `region,share`, and then the regions".to_owned());
        }
        let mut table = Self { regions: names.map(str::to_owned).collect(), ..Self::default() };
        for (line, number) in lines {
            let mut fields = line.split(',').map(str::trim);
            let (region, place) = (fields.next().unwrap_or_default(), table.shares.len());
            if table.regions.get(place).map(String::as_str) != Some(region) {
                let expected =
                    table.regions.get(place).map_or("the end of the file", String::as_str);
                return Err(format!(
                    "line {number} is of `{region}`, but must be of `{expected}`, as line 1 says"
                ));
            }
            let figures: Result<Vec<f64>, _> = fields.map(str::parse).collect();
            let figures =
                figures.map_err(|_| format!("line {number}: one of its figures is no number"))?;
            if figures.len() != table.regions.len() + 1 {
                let (found, expected) = (figures.len(), table.regions.len() + 1);
                return Err(format!(
                    "line {number} has {found} figures, but must have {expected}: a share, and a latency to each"
                ));
            }
            table.shares.push(figures[0]);
            table.one_way_ms.push(figures[1..].to_vec());
        }
        table.validate()?;
        Ok(table)
    }

    /// Checks every figure.
    ///
    /// # Errors
    /// A sentence about the first that makes no sense.
    pub fn validate(&self) -> Result<(), String> {
        let count = self.regions.len();
        if !(1..=REGIONS_MAX).contains(&count) {
            return Err(format!(
                "link.table has {count} regions, but must have 1 to {REGIONS_MAX}"
            ));
        }
        let wrong = |name: &&String| name.is_empty() || name.contains([',', '"', '\n', '\r']);
        if let Some(name) = self.regions.iter().find(wrong) {
            return Err(format!(
                "link.table: `{name}` is no name of a region: it may hold no comma, quote or line end"
            ));
        }
        if self.regions.iter().collect::<BTreeSet<_>>().len() < count {
            return Err("link.table names a region twice".to_owned());
        }
        let is_square =
            self.one_way_ms.len() == count && self.one_way_ms.iter().all(|row| row.len() == count);
        if self.shares.len() != count || !is_square {
            return Err(format!(
                "link.table must have {count} shares and {count} rows of {count} latencies, one for each region"
            ));
        }
        if let Some(share) = self.shares.iter().find(|share| !(share.is_finite() && **share >= 0.0))
        {
            return Err(format!("link.table: a share is {share}, but must be at least 0"));
        }
        if self.shares.iter().sum::<f64>() <= 0.0 {
            return Err("link.table: no region has a share".to_owned());
        }
        match self.one_way_ms.iter().flatten().find(|ms| !(0.0..=MOST_MS).contains(*ms)) {
            Some(ms) => Err(format!("link.table: a latency is {ms}, but must be 0 to {MOST_MS}")),
            None => Ok(()),
        }
    }

    /// Places nodes by the shares.
    pub(super) fn places(&self, nodes: usize, seed: u64) -> Vec<Place> {
        let mut rng = shared::stream(seed, Stream::Regions);
        let all: f64 = self.shares.iter().sum();
        let place = |_| {
            let mut left = rng.random::<f64>() * all;
            let mut regions = (0..).zip(&self.shares).filter(|(_, share)| **share > 0.0);
            let found = regions.find(|(_, share)| {
                left -= **share;
                left < 0.0
            });
            // Rounding may leave a little; it belongs to the last.
            let last = (0..).zip(&self.shares).filter(|(_, share)| **share > 0.0).last();
            Place::Numbered(found.or(last).map_or(0, |(number, _)| number))
        };
        (0..nodes).map(place).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::{Latencies, LinkSpec};

    const TABLE: &str = "region,share,berlin,tokyo\nberlin,3,1.5,120\n\ntokyo,1,121,2\n";

    #[test]
    fn a_table_says_how_far_regions_are_and_how_many_nodes_each_has() {
        let table = Matrix::parse(TABLE).unwrap();
        let spec = LinkSpec::Matrix { file: None, table, jitter: 0.0 };
        assert_eq!(spec.validate(), Ok(()));
        let latencies = Latencies::new(&spec, 4_000, 1);
        let is_in = |node: &u32, name: &str| latencies.names(*node).0 == name;
        let berlin = (0..4_000).filter(|node| is_in(node, "berlin")).count();
        assert!((2_900..3_100).contains(&berlin), "{berlin}");
        let node_in = |name| (0..4_000).find(|node| is_in(node, name)).unwrap();
        let (berlin, tokyo) = (node_in("berlin"), node_in("tokyo"));
        assert_eq!(latencies.fixed(berlin, tokyo), 120_000_000);
        assert_eq!(latencies.fixed(tokyo, berlin), 121_000_000);
        assert_eq!(latencies.fixed(berlin, berlin), 1_500_000);
    }

    #[test]
    fn a_table_that_makes_no_sense_is_refused_by_its_line() {
        for (text, sentence) in [
            ("", "it is empty"),
            ("name,part,a\n", "line 1 must be"),
            ("region,share,a,b\nb,1,1,1\n", "line 2 is of `b`, but must be of `a`"),
            (
                "region,share,a\na,1,1\nb,1,1\n",
                "line 3 is of `b`, but must be of `the end of the file`",
            ),
            ("region,share,a\na,1,x\n", "line 2: one of its figures"),
            ("region,share,a\na,1\n", "line 2 has 1 figures, but must have 2"),
            ("region,share,a,b\na,1,1,1\n", "must have 2 shares and 2 rows"),
            ("region,share,a,a\na,1,1,1\na,1,1,1\n", "names a region twice"),
            ("region,share,a\na,0,1\n", "no region has a share"),
            ("region,share,a\na,-1,1\n", "a share is -1"),
            ("region,share,a\na,1,-4\n", "a latency is -4"),
            ("region,share\n", "has 0 regions"),
        ] {
            let error = Matrix::parse(text).unwrap_err();
            assert!(error.contains(sentence), "{text:?}: {error}");
        }
    }
}
