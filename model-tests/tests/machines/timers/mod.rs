//! Timers in virtual time beside [`Timers`](loopgate_model_tests::spec::timers::Timers), and what they share with
//! the queue and the inbox.
//!
//! A program sets timers from the loop's thread and from outside, at moments that have passed, that are equal,
//! that are beyond the clock's range; cancels them; lets time pass; and runs iterations that do not sleep, that
//! sleep for so long at most, or until the first timer.

mod real;
mod reference;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use loopgate::checkers::census;
use loopgate_model_tests::spec::Word;
use loopgate_model_tests::spec::handle::Handle;
use proptest_state_machine::StateMachineTest;

use super::support::{Expected, Reached, Suite, regressions, run};
use real::{WORLD, World, refusal, span, units};
use reference::{Model, Operation, Programs};

static REACHED: Reached = Reached::new();

const SUITE: Suite = Suite {
    name: "timers",
    regressions: regressions!("timers"),
    programs: 160,
    longest: 220,
    seed: 3,
};

const EXPECTED: Expected<'_> = Expected {
    operations: &[
        "call_soon",
        "call_at",
        "call_later",
        "call_later_threadsafe",
        "out of range",
        "cancel",
        "many, cancelled",
        "time passes",
        "turn",
        "turn with a limit",
        "turn until a timer",
        "close",
        "new loop",
    ],
    states: &["no timer", "one waits", "one is due", "one was posted", "closed"],
    impossible: &[
        ("turn", &["closed"]),
        ("turn with a limit", &["closed"]),
        ("turn until a timer", &["closed"]),
        ("close", &["closed"]),
        ("many, cancelled", &["closed"]),
    ],
    transitions: &[],
    answers: &[
        ("call_soon", &["ok", "loop closed"]),
        ("call_at", &["ok", "loop closed"]),
        ("call_later", &["ok", "loop closed"]),
        ("call_later_threadsafe", &["ok", "loop closed"]),
        ("out of range", &["refused", "loop closed"]),
        ("cancel", &["prevented", "too late"]),
        ("turn", &["nothing ran", "some ran"]),
        ("turn with a limit", &["nothing ran", "some ran"]),
        ("turn until a timer", &["nothing ran", "some ran"]),
        ("callback: set", &["in the past", "later"]),
        ("callback: cancel", &["due in this batch", "waiting", "too late"]),
    ],
};

struct Machine;

impl StateMachineTest for Machine {
    type SystemUnderTest = Rc<World>;
    type Reference = Programs;

    fn init_test(_: &Model) -> Rc<World> {
        let world = Rc::new(World {
            event_loop: RefCell::new(World::make_loop()),
            given: RefCell::default(),
            log: RefCell::default(),
        });
        WORLD.set(Some(Rc::clone(&world)));
        world
    }

    fn apply(world: Rc<World>, model: &Model, operation: Operation) -> Rc<World> {
        REACHED.transition(operation.name(), model.before);
        if let Some(outcome) = model.outcome {
            REACHED.answer(operation.name(), outcome);
        }
        for (operation, outcome) in &model.within {
            REACHED.answer(operation, outcome);
        }
        let mut answer = Word::Ok;
        match operation {
            Operation::Schedule(id, how, script) => answer = world.schedule(id, how, script),
            Operation::OutOfRange { outside } => {
                let event_loop = world.event_loop.borrow();
                let refused = if outside {
                    let handle = event_loop.handle();
                    handle.call_later_threadsafe(Duration::MAX, || {}).map(drop).unwrap_err()
                } else {
                    event_loop.call_later(Duration::MAX, || {}).map(drop).unwrap_err()
                };
                answer = refusal(&refused);
            }
            Operation::Cancel(id) => answer = Word::of(world.cancel(id)),
            Operation::Many(number) => world.many(number),
            Operation::Passes(units) => world.event_loop.borrow().clock().sleep(span(units)),
            Operation::Turn => world.turn(Some(0)),
            Operation::TurnWithin(units) => world.turn(Some(units)),
            Operation::TurnUntilTimer => world.turn(None),
            Operation::Close => world.event_loop.borrow().close().unwrap(),
            Operation::NewLoop => drop(world.event_loop.replace(World::make_loop())),
        }
        assert_eq!(answer, model.answer);
        world
    }

    fn check_invariants(world: &Rc<World>, model: &Model) {
        assert_eq!(*world.log.borrow(), model.log, "what was called, and when");
        let event_loop = world.event_loop.borrow();
        assert_eq!(units(event_loop.time()), model.now);
        let held = census(&event_loop);
        assert_eq!(held.queued, model.ready.len());
        let wanted = model.timers.iter().count();
        let most = wanted + model.husks.len();
        assert!((wanted..=most).contains(&held.timers), "{held:?}: {wanted} to {most} timers");
        let given = world.given.borrow();
        assert!(given.keys().eq(model.calls.keys()), "what was accepted");
        for (given, (id, call)) in given.values().zip(&model.calls) {
            assert_eq!(given.cancelled(), call.handle == Handle::Cancelled, "{id}");
            assert_eq!(given.when(), call.when, "{id}");
        }
    }

    fn teardown(_: Rc<World>, _: Model) {
        WORLD.set(None);
    }
}

//= SPEC.md#d-1
//= type=test
//# A timer MUST NOT fire before its deadline by the loop's clock.
//= SPEC.md#d-2
//= type=test
//# Timers with equal deadlines MUST fire in the order in which they were scheduled.
//= SPEC.md#d-3
//= type=test
//# A deadline beyond the clock's range MUST be refused with an error that changes nothing.
//= SPEC.md#d-4
//= type=test
//# A timer that is due but is cancelled by an earlier callback of its batch MUST NOT run.
//= SPEC.md#d-5
//= type=test
//# A cancelled timer MUST be purged from the heap after at most as many insertions and iterations
//# as the heap then had timers, or 64, at a cost that is amortised over these.
//= SPEC.md#d-6
//= type=test
//# A deadline that has passed when a timer is set MUST make it due in the next iteration, and never
//# run it inside the call.
//= SPEC.md#d-7
//= type=test
//# `call_later_threadsafe` MUST count its delay from the call, wake the loop if needed, and return
//# a handle that any thread may cancel.
//= SPEC.md#q-3
//= type=test
//# Within one iteration, entries queued before the sleep MUST run before descriptors that became
//# ready, and these before timers that became due.
#[test]
fn d1_timers_behave_as_the_spec() {
    run::<Machine>(&SUITE);
    REACHED.check(&SUITE, &EXPECTED);
}
