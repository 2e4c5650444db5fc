//! What drawn programs have reached: a comparison that never meets something says nothing of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::value::Error;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

use crate::conformance::profile::operations;
use crate::conformance::runtime::Logs;
use crate::spec::program::{Awaited, Op, Stmt};
use crate::spec::{Program, Word};

/// Words that no program can come to, and why.
const OUT_OF_REACH: &[(&str, &str)] =
    &[("not in a task", "coroutines are only run by tasks: the alphabet has no other way")];

/// How many programs had each operation, and came to each kind of word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    operations: BTreeMap<String, u64>,
    words: BTreeMap<String, u64>,
}

impl Reach {
    /// Counts a program and what came of it.
    pub fn count(&mut self, program: &Program, logs: &Logs) {
        for name in operations(program) {
            *self.operations.entry(name).or_default() += 1;
        }
        let words = logs.iter().flatten().filter_map(|word| word.parse::<Word>().ok());
        let kinds: BTreeSet<&str> = words.map(|word| word.kind()).collect();
        for kind in kinds {
            *self.words.entry(kind.to_owned()).or_default() += 1;
        }
    }

    /// Adds what others have counted.
    pub fn add(&mut self, other: &Reach) {
        for (name, count) in &other.operations {
            *self.operations.entry(name.clone()).or_default() += count;
        }
        for (kind, count) in &other.words {
            *self.words.entry(kind.clone()).or_default() += count;
        }
    }

    /// What was never reached.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let unknown = |known: &BTreeMap<String, u64>, name: &str| !known.contains_key(name);
        let operations = alphabet().into_iter().filter(|name| unknown(&self.operations, name));
        let words = Word::KINDS.iter().filter(|kind| {
            unknown(&self.words, kind) && OUT_OF_REACH.iter().all(|(word, _)| word != *kind)
        });
        let operations = operations.map(|name| format!("the operation `{name}`"));
        operations.chain(words.map(|kind| format!("the outcome `{kind}`"))).collect()
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = |known: &BTreeMap<String, u64>| {
            let least = known.iter().min_by_key(|(_, count)| **count);
            least.map_or_else(String::new, |(name, count)| format!("{name} ({count})"))
        };
        write!(
            f,
            "{} operations, the rarest {}; {} kinds of outcome, the rarest {}",
            self.operations.len(),
            least(&self.operations),
            self.words.len(),
            least(&self.words)
        )
    }
}

/// The name of everything that a program can do.
#[must_use]
pub fn alphabet() -> BTreeSet<&'static str> {
    let all = [variants::<Op>(), variants::<Stmt>(), variants::<Awaited>()];
    all.into_iter().flatten().copied().collect()
}

/// The names of an enum's variants in its JSON form, as serde knows them.
fn variants<T: Deserialize<'static>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    let refused = T::deserialize(Asked(&mut names));
    debug_assert!(refused.is_err(), "nothing was there to be read");
    names
}

/// Has nothing to be read, and writes down what was asked for.
struct Asked<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Asked<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("it is no enum"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        Err(Error::custom("only its names are wanted"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_reached_is_named() {
        let mut reach = Reach::default();
        let program = Program { threads: vec![vec![Op::Mark(1)]], ..Program::default() };
        reach.count(&program, &vec![vec!["mark 1".into(), "raised 2".into()]]);
        let missing = reach.missing();
        assert!(!missing.iter().any(|what| what.contains("mark") || what.contains("raised")));
        for what in
            ["the operation `run_forever`", "the operation `gather`", "the outcome `cancelled`"]
        {
            assert!(missing.iter().any(|missing| missing == what), "{missing:?}");
        }
        assert!(alphabet().len() > 70, "{}", alphabet().len());
    }
}
