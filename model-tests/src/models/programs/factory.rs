//! Of `factory`.

use super::*;

/// A loop with a handler and a factory.
fn event_loop(handler: Handler, factory: Factory) -> Vec<Op> {
    vec![Op::NewLoop(0), Op::SetHandler { on: 0, handler }, Op::SetFactory { on: 0, factory }]
}

fn value() -> Vec<Stmt> {
    vec![Stmt::Return(1)]
}

pub(in crate::models) fn factory_error_races_cancel() -> Program {
    program([
        list![
            event_loop(Handler::Recording, Factory::Fails(1)),
            submit(0),
            Op::Start(1),
            turns(1),
            Op::Join(1),
            result(0),
        ],
        list![Op::Cancel(0)],
    ])
    .coroutine(value())
}

fn submitter_waits(handler: Handler) -> Program {
    program([
        list![
            event_loop(handler, Factory::Fails(1)),
            Op::Start(1),
            Op::RunForever(0),
            Op::Join(1),
        ],
        list![submit(0), result(0), Op::Stop(0)],
    ])
    .coroutine(value())
}

pub(in crate::models) fn factory_error_races_wait() -> Program {
    submitter_waits(Handler::Recording)
}

pub(in crate::models) fn handler_panics() -> Program {
    submitter_waits(Handler::Panicking(2))
}

/// As in `close`: whether it is refused, and what comes of it if not.
pub(in crate::models) fn close_races_submission() -> Program {
    program([
        list![
            event_loop(Handler::Default, Factory::Panics(1)),
            Op::Start(1),
            turns(1),
            Op::Close(0),
            Op::Join(1),
        ],
        list![submit(0)],
    ])
    .coroutine(value())
}

pub(in crate::models) fn factory_panic_races_close() -> Program {
    program([
        list![
            event_loop(Handler::Default, Factory::Panics(1)),
            Op::Start(1),
            turns(1),
            Op::AwaitGate(0),
            Op::Close(0),
            Op::Join(1),
        ],
        list![submit(0), Op::Signal(0), result(0)],
    ])
    .coroutine(value())
}
