//! Models of the kernel's own races, a file a part of the gate.
//!
//! * [`wakeup`]: posting against sleeping, draining and closing;
//! * [`awake`]: the same with a loop that has been awake, where it decides to sleep;
//! * [`stopping`]: runs that begin and end, and timers, against posts;
//! * [`pipe`]: the same with a pipe that is full, interrupted, broken, or refuses to be written;
//! * [`wakers`]: a task's waker in another thread;
//! * [`concurrent`]: completing, cancelling and waiting, without a loop;
//! * [`chain`]: submissions and wrapped futures: whatever may cross an outcome on its way;
//! * [`order`]: which of two came first, where the outcome alone does not say it;
//! * [`scope`]: timeouts, shields and gatherings, against what other threads complete or cancel;
//! * [`factory`]: a task factory that fails, against cancel, wait and close;
//! * [`executor`]: work in a pool against cancel and shutdown, and its way back to a loop;
//! * `wide`: programs of many threads, which are drawn at random instead of explored.
//!
//! [`programs`] has the same scenarios for the spec.

mod awake;
mod chain;
mod concurrent;
mod executor;
mod factory;
mod order;
mod pipe;
mod programs;
mod scope;
mod stopping;
pub(crate) mod support;
mod wakers;
mod wakeup;
#[cfg(not(loom))]
mod wide;

use crate::harness::Model;

/// Models of more threads than can be explored, and than loom has.
#[cfg(not(loom))]
pub(crate) fn wide() -> impl Iterator<Item = &'static Model> {
    wide::MODELS.iter()
}

/// Every model of the kernel that is explored.
pub(crate) fn models() -> impl Iterator<Item = &'static Model> {
    [
        wakeup::MODELS,
        awake::MODELS,
        stopping::MODELS,
        pipe::MODELS,
        wakers::MODELS,
        concurrent::completing::MODELS,
        concurrent::waiting::MODELS,
        concurrent::several::MODELS,
        concurrent::awaited::MODELS,
        chain::copy::MODELS,
        chain::cancel::MODELS,
        chain::close::MODELS,
        chain::wrap::MODELS,
        chain::loops::MODELS,
        order::MODELS,
        scope::MODELS,
        factory::MODELS,
        executor::pool::MODELS,
        executor::to_loop::MODELS,
    ]
    .into_iter()
    .flatten()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{models, wide};
    use crate::harness::Model;
    use crate::harness::refinement::{Refinement, compare, compare_with, counts};
    use crate::spec::Seeded;

    /// Every mistake that the spec can be told to make, and how many models must notice it at least.
    ///
    /// No model can notice a timeout that beats a completion: that is about the order of two things in two
    /// threads, and no log tells it. `f9_timeout_never_beats_the_value` asks the record of the execution.
    const SEEDED: [(Seeded, usize); 17] = [
        (Seeded::CallbackTwice, 5),
        (Seeded::TimeoutOverCompletion, 0),
        (Seeded::CancelledWorkNeverEnds, 1),
        (Seeded::CancelledWorkRuns, 2),
        (Seeded::AcceptsAfterClose, 5),
        (Seeded::LosesTheByte, 5),
        (Seeded::HandlerTwice, 3),
        (Seeded::OwnOvertakesPosted, 1),
        (Seeded::ValueAfterCancel, 3),
        (Seeded::SleepsOverMail, 5),
        (Seeded::EarlyTimer, 1),
        (Seeded::CancelledCallbackRuns, 2),
        (Seeded::CloseStrandsPosted, 5),
        (Seeded::ShieldHandsOn, 1),
        (Seeded::CopiesAtOnce, 5),
        (Seeded::CancelOneStepLate, 3),
        (Seeded::ExpirySwallowsCancel, 1),
    ];

    #[test]
    fn every_model_has_the_outcomes_that_the_spec_allows() {
        let all: Vec<&Model> = models().chain(wide()).collect();
        let found: Vec<_> = all.iter().map(|model| (model.name, compare(model))).collect();
        println!("{}", counts(found.iter().map(|(_, found)| found.as_ref().ok())));
        let mut differences = String::new();
        for (name, found) in &found {
            match found {
                Ok(refinement) => println!("{name}: {refinement}"),
                Err(why) => differences += &format!("{name}\n  {}\n", why.join("\n  ")),
            }
        }
        assert!(differences.is_empty(), "\n{differences}");
        let below = found.iter().filter(|(_, found)| matches!(found, Ok(Refinement::Below(_))));
        let (below, all) = (below.count(), all.len());
        assert!(
            below * 8 <= all,
            "{below} of {all} models are below the spec: the spec says too little"
        );
    }

    /// The smaller models first, and no more of them than it takes.
    #[test]
    fn a_spec_that_makes_a_mistake_is_noticed() {
        let mut by_size: Vec<(usize, &Model)> = models()
            .filter_map(|model| match compare(model) {
                Ok(Refinement::Equal { states, .. }) => Some((states, model)),
                _ => None,
            })
            .collect();
        by_size.sort_by_key(|(states, _)| *states);
        let mut unnoticed = Vec::new();
        for (seeded, least) in SEEDED {
            let notices =
                |(_, model): &&(usize, &Model)| compare_with(model, Some(seeded)).is_err();
            let by = by_size.iter().filter(notices).map(|(_, model)| model.name);
            let by: Vec<&str> = by.take(least).collect();
            println!("{seeded:?} is noticed by {}", by.join(", "));
            if by.len() < least {
                unnoticed.push(seeded);
            }
        }
        assert_eq!(unnoticed, [], "fewer models than they must have noticed these");
    }
}
