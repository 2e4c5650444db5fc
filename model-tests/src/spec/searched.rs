//! A property's configuration, given to a state-space checker: stateright.

use std::time::{Duration, Instant};

use stateright::{Checker, Model};

use super::properties::Property;
use super::search::always_ends;
use super::system::{Action, Step};
use super::{Seeded, System};

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Searched {
    /// How many states there are.
    pub states: usize,
    /// How many steps the longest of the shortest ways to them takes.
    pub depth: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// Whether a state was reached in which the property applies.
    pub applies: bool,
    /// Whether every execution ends: no state is reached from itself.
    pub ends: bool,
    /// The steps to a state that breaks it, and what was logged until then.
    pub broken: Option<(Vec<Step>, String)>,
}

impl Searched {
    /// Whether the property holds, and not for want of an occasion.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.applies && self.ends && self.broken.is_none()
    }
}

/// A configuration as the checker sees it.
struct Configuration {
    property: &'static Property,
    mistake: Option<Seeded>,
}

const HOLDS: &str = "holds";
const APPLIES: &str = "applies";

impl Model for Configuration {
    type State = System;
    type Action = Action;

    fn init_states(&self) -> Vec<System> {
        let program = (self.property.program)();
        let first = System::with_mistake(&program, self.mistake);
        vec![first.expect("a configuration is well-formed")]
    }

    fn actions(&self, state: &System, actions: &mut Vec<Action>) {
        actions.extend(state.actions().expect("a configuration is well-formed"));
    }

    fn next_state(&self, state: &System, action: Action) -> Option<System> {
        state.step(action).expect("a configuration is well-formed")
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        vec![
            stateright::Property::<Self>::always(HOLDS, |model, state| {
                !model.property.is_broken(state)
            }),
            stateright::Property::<Self>::sometimes(APPLIES, |model, state| {
                (model.property.applies)(state)
            }),
        ]
    }
}

/// Searches every state of a property's configuration, of a spec that makes this mistake if there is one.
///
/// # Panics
/// If the configuration is malformed.
#[must_use]
pub fn search(property: &'static Property, mistake: Option<Seeded>) -> Searched {
    let begun = Instant::now();
    let checker = Configuration { property, mistake }.checker().spawn_bfs().join();
    let broken = checker.discovery(HOLDS).map(|path| {
        let last = path.last_state().outcome().to_string();
        let steps = path.into_vec().into_iter();
        let steps = steps.filter_map(|(state, action)| action.map(|action| state.describe(action)));
        (steps.collect(), last)
    });
    let ends = mistake.is_some() || always_ends(&(property.program)());
    Searched {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        elapsed: begun.elapsed(),
        applies: checker.discovery(APPLIES).is_some(),
        ends,
        broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::properties::PROPERTIES;

    #[test]
    fn every_property_holds_and_not_for_want_of_an_occasion() {
        for property in PROPERTIES {
            let searched = search(property, None);
            let Searched { applies, ends, broken, .. } = &searched;
            assert!(*applies, "{} never applies", property.name);
            assert!(*ends, "{}: an execution goes on for ever", property.name);
            assert!(broken.is_none(), "{}: {broken:?}", property.name);
        }
    }

    #[test]
    fn every_mistake_is_found() {
        for property in PROPERTIES {
            assert!(!property.mistakes.is_empty(), "{}: nothing shows it can fail", property.name);
            for mistake in property.mistakes {
                let searched = search(property, Some(*mistake));
                assert!(searched.broken.is_some(), "{}: {mistake:?} is not found", property.name);
            }
        }
    }

    #[test]
    fn every_mistake_belongs_to_a_property() {
        let known: Vec<Seeded> =
            PROPERTIES.iter().flat_map(|property| property.mistakes).copied().collect();
        for mistake in Seeded::ALL {
            assert!(known.contains(mistake), "{mistake:?} breaks nothing");
        }
    }
}
