//! One part of the suite, for machines that share it.

use std::collections::BTreeMap;
use std::str::FromStr;

/// The `number`th of `count` parts, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    number: usize,
    count: usize,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let read = |(number, count): (&str, &str)| {
            Some(Shard { number: number.parse().ok()?, count: count.parse().ok()? })
        };
        text.split_once('/')
            .and_then(read)
            .filter(|shard| (1..=shard.count).contains(&shard.number))
            .ok_or_else(|| format!("`{text}` is no shard: --shard 2/4 is the second of four"))
    }
}

impl Shard {
    /// Which of the names belong to this part.
    ///
    /// The most expensive first, each goes to the part with the least to do. So every name is in exactly
    /// one part, the parts take about as long, and they only change with the names or their costs.
    pub(crate) fn of<'a>(self, costs: &BTreeMap<&'a str, u64>) -> Vec<&'a str> {
        let mut names: Vec<(&str, u64)> = costs.iter().map(|(name, cost)| (*name, *cost)).collect();
        names.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        let mut loads = vec![0; self.count];
        let mut own = Vec::new();
        for (name, cost) in names {
            let (part, load) =
                loads.iter_mut().enumerate().min_by_key(|(_, load)| **load).expect("not empty");
            // A start of a process is work too.
            *load += cost + 1;
            if part + 1 == self.number {
                own.push(name);
            }
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs() -> BTreeMap<&'static str, u64> {
        [("a", 5), ("b", 0), ("c", 90), ("d", 40), ("e", 40), ("f", 0), ("g", 5)].into()
    }

    #[test]
    fn all_parts_together_are_everything_exactly_once() {
        let costs = costs();
        for count in 1..=9 {
            let parts = (1..=count).flat_map(|number| Shard { number, count }.of(&costs));
            let mut all: Vec<&str> = parts.collect();
            all.sort_unstable();
            assert!(all.iter().eq(costs.keys()), "{count}: {all:?}");
        }
    }

    #[test]
    fn the_parts_are_about_as_expensive() {
        let costs = costs();
        let cost = |number| -> u64 {
            Shard { number, count: 2 }.of(&costs).iter().map(|name| costs[name]).sum()
        };
        assert_eq!((cost(1), cost(2)), (90, 90));
    }

    #[test]
    fn what_is_no_part_is_refused() {
        assert_eq!("2/4".parse(), Ok(Shard { number: 2, count: 4 }));
        for text in ["", "0/4", "5/4", "1/0", "0/0", "1", "1/", "/2", "a/b", "1/2/3", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
