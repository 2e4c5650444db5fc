//! The programs: what there is to do, and what is drawn.

use loopgate_model_tests::spec::executor::Mode;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

use super::reference::{EXCEPTIONS, Home, Id, Model};

/// How work comes to a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Submit,
    /// `run_in_executor`, with the program's pool.
    InExecutor,
    /// The same without one.
    Default,
}

/// How a function of the program's ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Returns(u8),
    Raises(u8),
    Panics(u8),
}

/// How long the end of the loop's own pool is waited for. Neither of the short ones is enough for a worker that
/// the program holds, and each of the others is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    Endless,
    Long,
    Short,
    Zero,
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Submit(Id, Way),
    /// Without a pause, from the first on.
    SubmitMany(Id, u8),
    Cancel(Id),
    /// A thread waits for the result.
    Wait(Id),
    /// The function ends.
    Finish(Id, Ending),
    /// The initializer of that worker ends.
    LetIn(u8, Ending),
    Shutdown {
        wait: bool,
        cancel: bool,
    },
    /// The same from a function that runs.
    ShutdownWithin {
        work: Id,
        wait: bool,
        cancel: bool,
    },
    /// The program lets go of its pool.
    Drop,
    SetDefault,
    ShutdownDefault(Patience),
    /// The loop runs until it has nothing to do.
    Turns,
    /// The loop and the pool are dropped, and there are others.
    Renew {
        limit: u8,
        initializer: bool,
    },
}

impl Operation {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Operation::Submit(_, Way::Submit) => "submit",
            Operation::Submit(_, Way::InExecutor) => "run_in_executor",
            Operation::Submit(_, Way::Default) => "run_in_executor, default",
            Operation::SubmitMany(..) => "submit many",
            Operation::Cancel(_) => "cancel",
            Operation::Wait(_) => "wait",
            Operation::Finish(..) => "finish",
            Operation::LetIn(..) => "let in",
            Operation::Shutdown { wait: false, cancel: false } => "shutdown",
            Operation::Shutdown { wait: false, cancel: true } => "shutdown, cancel",
            Operation::Shutdown { wait: true, cancel: false } => "shutdown, wait",
            Operation::Shutdown { wait: true, cancel: true } => "shutdown, wait, cancel",
            Operation::ShutdownWithin { wait: false, .. } => "shutdown within",
            Operation::ShutdownWithin { wait: true, .. } => "shutdown within, wait",
            Operation::Drop => "drop",
            Operation::SetDefault => "set_default_executor",
            Operation::ShutdownDefault(Patience::Endless) => "shutdown_default_executor",
            Operation::ShutdownDefault(Patience::Long) => "shutdown_default_executor, long",
            Operation::ShutdownDefault(Patience::Short) => "shutdown_default_executor, short",
            Operation::ShutdownDefault(Patience::Zero) => "shutdown_default_executor, zero",
            Operation::Turns => "turns",
            Operation::Renew { .. } => "renew",
        }
    }
}

pub(super) struct Programs;

type Weighted = (u32, BoxedStrategy<Operation>);

fn any_pool() -> BoxedStrategy<(u8, bool)> {
    (1..=3u8, any::<bool>()).boxed()
}

fn submissions(model: &Model) -> Vec<Weighted> {
    let id = model.fresh();
    let own = if model.own.machine.mode() == Mode::Open { 4 } else { 1 };
    let one = |way| Just(Operation::Submit(id, way)).boxed();
    let many = (2..=4u8).prop_map(move |many| Operation::SubmitMany(id, many)).boxed();
    vec![(own, one(Way::Submit)), (own, one(Way::InExecutor)), (own, many), (3, one(Way::Default))]
}

fn of_works(model: &Model) -> Vec<Weighted> {
    // Of those that were over long ago there is nothing new to learn.
    let recent: Vec<Id> = model.works.keys().rev().take(9).copied().collect();
    if recent.is_empty() {
        return vec![];
    }
    let recent = prop::sample::select(recent);
    vec![
        (5, recent.clone().prop_map(Operation::Cancel).boxed()),
        (3, recent.prop_map(Operation::Wait).boxed()),
    ]
}

/// What the program lets its functions do.
fn endings(model: &Model) -> Vec<Weighted> {
    let ending = |returns| {
        prop_oneof![
            returns => any::<u8>().prop_map(Ending::Returns),
            1 => (0..EXCEPTIONS).prop_map(Ending::Raises),
            1 => (0..EXCEPTIONS).prop_map(Ending::Panics),
        ]
    };
    let mut all = Vec::new();
    let running = model.running(None);
    if !running.is_empty() {
        let of_one = (prop::sample::select(running), ending(2));
        all.push((14, of_one.prop_map(|(id, ending)| Operation::Finish(id, ending)).boxed()));
    }
    let own = model.running(Some(Home::Program));
    if !own.is_empty() {
        let of_one = (prop::sample::select(own), any::<bool>(), any::<bool>());
        let within = |(work, wait, cancel)| Operation::ShutdownWithin { work, wait, cancel };
        // A broken pool with somebody still at work is rare enough.
        let weight = if model.own.machine.mode() == Mode::Broken { 5 } else { 1 };
        all.push((weight, of_one.prop_map(within).boxed()));
    }
    let starting: Vec<u8> = model.own.starting.iter().copied().collect();
    if !starting.is_empty() {
        let of_one = (prop::sample::select(starting), ending(4));
        all.push((9, of_one.prop_map(|(who, ending)| Operation::LetIn(who, ending)).boxed()));
    }
    all
}

fn shutdowns() -> Vec<Weighted> {
    let own = (any::<bool>(), any::<bool>())
        .prop_map(|(wait, cancel)| Operation::Shutdown { wait, cancel });
    let patience = prop::sample::select(vec![
        Patience::Endless,
        Patience::Long,
        Patience::Short,
        Patience::Zero,
    ]);
    vec![
        (2, own.boxed()),
        (1, Just(Operation::Drop).boxed()),
        (1, Just(Operation::SetDefault).boxed()),
        (1, patience.prop_map(Operation::ShutdownDefault).boxed()),
    ]
}

impl ReferenceStateMachine for Programs {
    type State = Model;
    type Transition = Operation;

    fn init_state() -> BoxedStrategy<Model> {
        any_pool().prop_map(|(limit, initializer)| Model::new(limit, initializer)).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Operation> {
        let renewal = any_pool()
            .prop_map(|(limit, initializer)| Operation::Renew { limit, initializer })
            .boxed();
        let mut all = vec![(4, Just(Operation::Turns).boxed())];
        all.extend(submissions(model));
        all.extend(of_works(model));
        all.extend(endings(model));
        all.extend(shutdowns());
        if model.next_end().is_none() {
            // Of a pool that is over only a little is interesting.
            let weight = if model.own.machine.is_over() { 8 } else { 1 };
            all.push((weight, renewal));
        }
        let known = model.clone();
        let possible = Union::new_weighted(all);
        possible.prop_filter("possible", move |operation| known.allows(operation)).boxed()
    }

    fn apply(mut model: Model, operation: &Operation) -> Model {
        model.before = model.state(operation);
        model.seen.clear();
        model.answer = model.take(operation);
        model
    }

    fn preconditions(model: &Model, operation: &Operation) -> bool {
        model.allows(operation)
    }
}
