//! The histories of a model: what each thread did and saw, in its own order.
//!
//! Interleavings that amount to the same have one history, so two explorers that try different orders
//! must still see the same histories. Compared are their number and the sum of their digests.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A set of histories, as far as sets are compared. Written as `48 3545921f9fbb3c46`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Histories {
    pub(crate) count: u64,
    sum: u64,
}

impl Histories {
    pub(crate) fn of(digests: &HashSet<u64>) -> Histories {
        let sum = digests.iter().fold(0_u64, |sum, digest| sum.wrapping_add(*digest));
        Histories { count: digests.len() as u64, sum }
    }
}

impl fmt::Display for Histories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:016x}", self.count, self.sum)
    }
}

impl From<Histories> for String {
    fn from(histories: Histories) -> String {
        histories.to_string()
    }
}

impl FromStr for Histories {
    type Err = String;

    fn from_str(text: &str) -> Result<Histories, String> {
        let parsed = text.split_once(' ').and_then(|(count, sum)| {
            Some(Histories { count: count.parse().ok()?, sum: u64::from_str_radix(sum, 16).ok()? })
        });
        parsed.ok_or_else(|| format!("`{text}` is no number of histories and no digest"))
    }
}

impl TryFrom<String> for Histories {
    type Error = String;

    fn try_from(text: String) -> Result<Histories, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_as_they_are_written_and_do_not_depend_on_the_order() {
        let some = Histories::of(&HashSet::from([1, 2, u64::MAX]));
        assert_eq!(some.to_string(), "3 0000000000000002");
        assert_eq!(some.to_string().parse(), Ok(some));
        assert_eq!(some, Histories::of(&HashSet::from([u64::MAX, 2, 1])));
        assert_ne!(some, Histories::of(&HashSet::from([1, 2, 3])));
        assert!("3".parse::<Histories>().is_err() && "x 0".parse::<Histories>().is_err());
    }
}
