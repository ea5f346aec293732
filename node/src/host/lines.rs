//! The lines between a host and whoever started it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Failure;

/// What a host is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Start the node of a data folder, which is known by a number from now on.
    Start {
        /// Its number.
        number: usize,
        /// Its data folder. No line break is in it.
        folder: PathBuf,
    },
    /// End a node at once.
    Kill {
        /// Its number.
        number: usize,
    },
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start { number, folder } => write!(f, "start {number} {}", folder.display()),
            Self::Kill { number } => write!(f, "kill {number}"),
        }
    }
}

impl FromStr for Order {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (word, rest) = line.split_once(' ').ok_or(())?;
        let number = |text: &str| text.parse().map_err(drop);
        match word {
            "start" => {
                let (first, folder) = rest.split_once(' ').ok_or(())?;
                Ok(Self::Start { number: number(first)?, folder: folder.into() })
            }
            "kill" => Ok(Self::Kill { number: number(rest)? }),
            _ => Err(()),
        }
    }
}

/// What a host tells: a node of it ended, and nobody had asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub number: usize,
    /// What its process would have ended with.
    pub code: u8,
    /// Why. No line break is in it.
    pub sentence: String,
}

impl Ended {
    /// The end of a node by a failure.
    #[must_use]
    pub fn of(number: usize, failure: Failure) -> Self {
        let Failure { code, sentence } = failure;
        Self { number, code, sentence: sentence.replace(['\n', '\r'], " ") }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, code, sentence } = self;
        write!(f, "ended {number} {code} {sentence}")
    }
}

impl FromStr for Ended {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.strip_prefix("ended ").ok_or(())?.splitn(3, ' ');
        let (number, code) = (words.next().ok_or(())?, words.next().ok_or(())?);
        Ok(Self {
            number: number.parse().map_err(drop)?,
            code: code.parse().map_err(drop)?,
            sentence: words.next().unwrap_or_default().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let orders = [
            Order::Start { number: 12, folder: "/a folder/n0012".into() },
            Order::Kill { number: 0 },
        ];
        for order in orders {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        let failure = Failure { code: 70, sentence: "two\nlines of it".to_owned() };
        let ended = Ended::of(3, failure);
        assert_eq!(ended.to_string(), "ended 3 70 two lines of it");
        assert_eq!(ended.to_string().parse(), Ok(ended));
        for bad in ["", "start", "start 5", "start x /y", "kill", "kill -1", "stop 1"] {
            assert_eq!(bad.parse::<Order>(), Err(()), "{bad}");
        }
    }
}
