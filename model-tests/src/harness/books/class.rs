//! How far an exploration goes: quick at every change, nightly every night, deep once in a while.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A class of runs. Each runs every model; they differ in the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The bounds that a model states.
    #[default]
    Quick,
    /// One preemption more.
    Nightly,
    /// Any number of preemptions.
    Deep,
}

impl Class {
    /// Every class, the fastest first.
    pub const ALL: [Class; 3] = [Class::Quick, Class::Nightly, Class::Deep];

    /// What the command calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Quick => "quick",
            Class::Nightly => "nightly",
            Class::Deep => "deep",
        }
    }

    /// How many preemptions an execution may have in this class; `None` is any number.
    #[must_use]
    pub fn preemptions(self, stated: Option<usize>) -> Option<usize> {
        match self {
            Class::Quick => stated,
            Class::Nightly => stated.map(|stated| stated + 1),
            Class::Deep => None,
        }
    }

    /// How many answers of an execution may be unusual in this class.
    ///
    /// The second explorer takes one more where there is more time. To loom each further answer is another
    /// factor on its runs, so there the limit stays as it is.
    #[must_use]
    pub fn choices(self, stated: usize) -> usize {
        match self {
            Class::Nightly | Class::Deep if cfg!(shuttle) => stated.saturating_add(1),
            _ => stated,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Class {
    type Err = String;

    fn from_str(name: &str) -> Result<Class, String> {
        let found = Class::ALL.into_iter().find(|class| class.name() == name);
        found.ok_or_else(|| format!("there is no class `{name}`: quick, nightly or deep"))
    }
}

/// `complete`, or `bounded at 2 preemptions, 1 choices`.
pub(crate) fn bound(preemptions: Option<usize>, choices: Option<usize>) -> String {
    let preemptions = preemptions.map(|bound| format!("{bound} preemptions"));
    let choices = choices.map(|bound| format!("{bound} choices"));
    match (preemptions, choices) {
        (None, None) => "complete".into(),
        (Some(one), None) | (None, Some(one)) => format!("bounded at {one}"),
        (Some(one), Some(other)) => format!("bounded at {one}, {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_goes_further_than_the_one_before() {
        let bounds = |stated| Class::ALL.map(|class| class.preemptions(stated));
        assert_eq!(bounds(Some(2)), [Some(2), Some(3), None]);
        assert_eq!(bounds(None), [None; 3]);
        let more = 1 + usize::from(cfg!(shuttle));
        assert_eq!(Class::ALL.map(|class| class.choices(1)), [1, more, more]);
    }

    #[test]
    fn a_class_is_read_as_it_is_written() {
        for class in Class::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        assert!("Quick".parse::<Class>().is_err());
    }

    #[test]
    fn a_bound_says_what_was_cut() {
        assert_eq!(bound(None, None), "complete");
        assert_eq!(bound(Some(2), None), "bounded at 2 preemptions");
        assert_eq!(bound(None, Some(1)), "bounded at 1 choices");
        assert_eq!(bound(Some(3), Some(1)), "bounded at 3 preemptions, 1 choices");
    }
}
