//! Whole programs: one for each part of the alphabet, and every program that found a bug.

use crate::program::{Body, Factory, Held, Millis, Op, Pick, Program, Then};

const NEWEST: Pick = Pick(0);
const SECOND: Pick = Pick(1);
const THIRD: Pick = Pick(2);

fn then(op: Op) -> Then {
    Then::Do(Box::new(op))
}

fn on_drop(op: Op) -> Then {
    Then::OnDrop(Box::new(op))
}

fn both(first: Body, second: Body) -> Body {
    Body::Both(Box::new(first), Box::new(second))
}

fn within(millis: u8, body: Body) -> Body {
    Body::Timeout(Millis(millis), Box::new(body))
}

/// Every seed, by name.
pub(super) fn all() -> Vec<(&'static str, Program)> {
    let seeds =
        [order(), timers(), cancels(), submissions(), factories(), futures(), ends(), found()];
    let named = seeds.into_iter().flatten();
    named.map(|(name, ops)| (name, Program { ops })).collect()
}

type Named = (&'static str, Vec<Op>);

fn order() -> Vec<Named> {
    vec![
        (
            "posts_and_callbacks_in_one_order",
            vec![
                Op::CallSoon(Then::Nothing),
                Op::CallSoonThreadsafe(then(Op::CallSoon(Then::Nothing))),
                Op::CallSoon(then(Op::CallSoonThreadsafe(Then::Nothing))),
                Op::Submit(Body::Yield(2)),
                Op::CallSoon(Then::Panic),
                Op::CallSoonThreadsafe(Then::Nothing),
                Op::RunOnce(Millis(0)),
                Op::RunUntilIdle,
            ],
        ),
        (
            "stop_inside_the_batch",
            vec![
                Op::CallSoon(then(Op::Stop)),
                Op::CallSoon(then(Op::CallSoon(Then::Nothing))),
                Op::StopThreadsafe,
                Op::RunOnce(Millis(3)),
                Op::Stop,
                Op::RunUntilIdle,
                Op::RunUntilIdle,
            ],
        ),
        (
            "exit_leaves_the_rest_queued",
            vec![
                Op::CreateTask(Body::Exit),
                Op::CallSoon(Then::Nothing),
                Op::CallSoon(Then::Exit),
                Op::Submit(Body::Exit),
                Op::CallSoon(then(Op::RunOnce(Millis(1)))),
                Op::RunOnce(Millis(0)),
                Op::RunUntilIdle,
                Op::RunUntilIdle,
            ],
        ),
    ]
}

fn timers() -> Vec<Named> {
    vec![
        (
            "timer_ties_in_order",
            vec![
                Op::CallLater(Millis(2), Then::Nothing),
                Op::CallLaterThreadsafe(Millis(2), then(Op::CallLater(Millis(0), Then::Nothing))),
                Op::CallLater(Millis(1), then(Op::CallLater(Millis(1), Then::Nothing))),
                Op::CallLater(Millis(2), Then::Nothing),
                Op::CallLaterTooFar,
                Op::RunOnce(Millis(1)),
                Op::RunUntilIdle,
                Op::CallLaterThreadsafe(Millis(1), Then::Nothing),
                Op::CreateTask(both(
                    Body::Do(Box::new(Op::CallSoon(Then::Nothing))),
                    Body::Yield(3),
                )),
                Op::RunUntilIdle,
            ],
        ),
        (
            "timer_cancelled_by_its_batch",
            vec![
                Op::CallLater(Millis(1), then(Op::CancelCall(NEWEST))),
                Op::CallLater(Millis(1), on_drop(Op::CallSoon(Then::Nothing))),
                Op::CallSoon(Then::Nothing),
                Op::CancelCall(NEWEST),
                Op::RunOnce(Millis(0)),
                Op::CancelCall(SECOND),
                Op::RunUntilIdle,
            ],
        ),
    ]
}

fn cancels() -> Vec<Named> {
    vec![
        (
            "cancelled_before_its_first_step",
            vec![
                Op::CreateTask(Body::Return(1)),
                Op::CancelTask(NEWEST),
                Op::CreateTask(Body::Sleep(Millis(1))),
                Op::CancelTask(NEWEST),
                Op::UncancelTask(NEWEST),
                Op::RunUntilIdle,
                Op::ReadTask(NEWEST),
                Op::ReadTask(SECOND),
            ],
        ),
        (
            "a_swallowed_cancel",
            vec![
                Op::CreateTask(Body::Swallow(Millis(3), 2)),
                Op::RunOnce(Millis(0)),
                Op::CancelTask(NEWEST),
                Op::RunOnce(Millis(1)),
                Op::CancelTask(NEWEST),
                Op::RunUntilIdle,
                Op::ReadTask(NEWEST),
            ],
        ),
        (
            "a_cancel_goes_down_the_awaits",
            vec![
                Op::CreateFuture,
                Op::CreateTask(Body::AwaitFuture(NEWEST)),
                Op::CreateTask(Body::AwaitTask(NEWEST)),
                Op::CreateTask(Body::Gather(NEWEST, SECOND)),
                Op::CreateTask(Body::Shield(NEWEST)),
                Op::OnTaskDone(NEWEST, Then::Nothing),
                Op::RunUntilIdle,
                Op::CancelTask(NEWEST),
                Op::RunUntilIdle,
                Op::CancelTask(SECOND),
                Op::RunUntilIdle,
            ],
        ),
        (
            "a_cancel_that_nobody_received",
            vec![
                Op::CreateTask(both(Body::Do(Box::new(Op::CancelTask(NEWEST))), Body::Return(1))),
                Op::RunUntilIdle,
                Op::ReadTask(NEWEST),
                Op::CreateTask(Body::Foreign(false)),
                Op::CreateTask(both(Body::Foreign(true), Body::Sleep(Millis(1)))),
                Op::RunOnce(Millis(0)),
                Op::CancelTask(NEWEST),
                Op::CancelTask(SECOND),
                Op::RunUntilIdle,
                Op::ReadTask(SECOND),
            ],
        ),
        (
            "an_await_that_outlasts_its_cancel",
            vec![
                Op::CreateTask(Body::Swallow(Millis(4), 1)),
                Op::CreateTask(Body::AwaitTask(SECOND)),
                Op::CreateTask(Body::WaitFor(Millis(1), THIRD)),
                Op::RunOnce(Millis(0)),
                Op::CancelTask(SECOND),
                Op::RunOnce(Millis(0)),
                Op::RunUntilIdle,
            ],
        ),
        (
            "timeouts_around_everything",
            vec![
                Op::CreateTask(within(1, Body::Sleep(Millis(2)))),
                Op::CreateTask(within(2, Body::Sleep(Millis(1)))),
                Op::CreateTask(within(2, within(1, Body::Foreign(false)))),
                Op::CreateTask(within(0, Body::Return(1))),
                Op::CreateTask(within(
                    1,
                    both(Body::Swallow(Millis(2), 0), Body::Sleep(Millis(2))),
                )),
                Op::CreateTask(Body::WaitFor(Millis(1), NEWEST)),
                Op::CreateTask(within(3, Body::Foreign(true))),
                Op::RunOnce(Millis(1)),
                Op::CancelTask(THIRD),
                Op::RunUntilIdle,
            ],
        ),
    ]
}

fn submissions() -> Vec<Named> {
    vec![
        (
            "a_submission_cancelled_while_suspended",
            vec![
                Op::Submit(both(Body::Sleep(Millis(2)), Body::Return(3))),
                Op::OnSubmissionDone(NEWEST, Then::Nothing),
                Op::RunOnce(Millis(0)),
                Op::ReadSubmission(NEWEST),
                Op::CancelSubmission(NEWEST),
                Op::OnSubmissionDone(NEWEST, then(Op::RunUntilIdle)),
                Op::RunUntilIdle,
                Op::Submit(Body::Return(4)),
                Op::CancelSubmission(NEWEST),
                Op::RunUntilIdle,
            ],
        ),
        (
            "submissions_ended_by_close",
            vec![
                Op::Submit(Body::Sleep(Millis(1))),
                Op::Submit(Body::Swallow(Millis(1), 3)),
                Op::RunOnce(Millis(0)),
                Op::CancelSubmission(NEWEST),
                Op::Submit(Body::Return(1)),
                Op::OnSubmissionDone(NEWEST, then(Op::Submit(Body::Raise))),
                Op::CallSoon(then(Op::Close)),
                Op::RunOnce(Millis(0)),
                Op::CallSoonThreadsafe(on_drop(Op::CancelSubmission(THIRD))),
                Op::Close,
                Op::ReadSubmission(NEWEST),
            ],
        ),
        (
            "a_submitter_sees_what_came_before",
            vec![
                Op::Submit(both(Body::Do(Box::new(Op::CallSoon(Then::Nothing))), Body::Yield(1))),
                Op::OnSubmissionDone(NEWEST, Then::Nothing),
                Op::OnSubmissionDone(NEWEST, Then::Panic),
                Op::Submit(both(
                    Body::Do(Box::new(Op::CallSoonThreadsafe(then(Op::Submit(Body::Return(9)))))),
                    Body::Return(2),
                )),
                Op::OnSubmissionDone(NEWEST, Then::Nothing),
                Op::RunUntilIdle,
                Op::Submit(Body::Return(3)),
                Op::RunOnce(Millis(0)),
                Op::RunOnce(Millis(0)),
                Op::Close,
                Op::ReadSubmission(NEWEST),
            ],
        ),
        (
            "a_submission_awaited_in_its_loop",
            vec![
                Op::Submit(both(Body::Yield(1), Body::Raise)),
                Op::CreateTask(Body::AwaitSubmission(NEWEST)),
                Op::CreateTask(Body::AwaitSubmission(NEWEST)),
                Op::OnSubmissionDone(NEWEST, then(Op::CancelTask(NEWEST))),
                Op::RunUntilIdle,
                Op::Submit(Body::Foreign(false)),
                Op::CreateTask(Body::AwaitSubmission(NEWEST)),
                Op::RunUntilIdle,
                Op::CancelTask(NEWEST),
                Op::RunUntilIdle,
            ],
        ),
    ]
}

fn factories() -> Vec<Named> {
    vec![(
        "a_factory_that_fails_both_ways",
        vec![
            Op::SetFactory(Factory::Fail),
            Op::CreateTask(Body::Return(1)),
            Op::Submit(Body::Sleep(Millis(1))),
            Op::Submit(Body::Return(2)),
            Op::CancelSubmission(NEWEST),
            Op::RunUntilIdle,
            Op::SetFactory(Factory::Panic),
            Op::Submit(Body::Yield(1)),
            Op::RunUntilIdle,
            Op::SetFactory(Factory::Keep),
            Op::CreateTask(Body::Raise),
            Op::StartKept,
            Op::SetFactory(Factory::MakeThenFail),
            Op::CreateTask(Body::Raise),
            Op::SetFactory(Factory::Do(Box::new(Op::CreateTask(Body::Yield(1))))),
            Op::CreateTask(Body::Yield(1)),
            Op::RunUntilIdle,
        ],
    )]
}

fn futures() -> Vec<Named> {
    vec![
        (
            "done_callbacks_in_order",
            vec![
                Op::CreateFuture,
                Op::OnFutureDone(NEWEST, then(Op::OnFutureDone(NEWEST, Then::Nothing))),
                Op::CreateTask(Body::AwaitFuture(NEWEST)),
                Op::OnFutureDone(NEWEST, Then::Panic),
                Op::RunOnce(Millis(0)),
                Op::SetResult(NEWEST, 7),
                Op::SetResult(NEWEST, 8),
                Op::SetException(NEWEST),
                Op::CancelFuture(NEWEST),
                Op::RunUntilIdle,
                Op::CreateFuture,
                Op::SetException(NEWEST),
                Op::Drop(Held::Future, NEWEST),
                Op::RunUntilIdle,
            ],
        ),
        (
            "a_wrapped_source_and_its_cancels",
            vec![
                Op::WrapSource,
                Op::CreateTask(Body::AwaitFuture(NEWEST)),
                Op::RunOnce(Millis(2)),
                Op::FinishSource(NEWEST, 5),
                Op::CallSoon(Then::Nothing),
                Op::RunUntilIdle,
                Op::WrapSource,
                Op::CancelFuture(NEWEST),
                Op::WrapSource,
                Op::StartSource(NEWEST),
                Op::CancelFuture(NEWEST),
                Op::CancelSource(NEWEST),
                Op::Drop(Held::Source, NEWEST),
                Op::WrapSource,
                Op::CancelSource(NEWEST),
                Op::StartSource(NEWEST),
                Op::WrapSource,
                Op::RunUntilIdle,
                Op::Close,
                Op::FinishSource(NEWEST, 6),
            ],
        ),
    ]
}

fn ends() -> Vec<Named> {
    vec![
        (
            "destructors_that_use_the_loop",
            vec![
                Op::CallLater(Millis(5), on_drop(Op::CreateTask(Body::Raise))),
                Op::CreateTask(Body::OnDrop(
                    Box::new(Op::CancelAnyTask(NEWEST)),
                    Box::new(Body::Foreign(false)),
                )),
                Op::CreateTask(Body::OnDrop(Box::new(Op::Close), Box::new(Body::Sleep(Millis(1))))),
                Op::CreateFuture,
                Op::OnFutureDone(NEWEST, on_drop(Op::Submit(Body::Return(1)))),
                Op::RunOnce(Millis(0)),
                Op::Drop(Held::Promise, NEWEST),
                Op::Drop(Held::Task, NEWEST),
                Op::CallSoonThreadsafe(on_drop(Op::RunUntilIdle)),
            ],
        ),
        (
            "a_closed_loop_refuses_everything",
            vec![
                Op::CreateFuture,
                Op::CreateTask(Body::AwaitFuture(NEWEST)),
                Op::OnTaskDone(NEWEST, Then::Nothing),
                Op::Close,
                Op::Close,
                Op::CallSoon(Then::Nothing),
                Op::CallSoonThreadsafe(Then::Nothing),
                Op::CallLater(Millis(1), Then::Nothing),
                Op::CallLaterThreadsafe(Millis(1), Then::Nothing),
                Op::CreateTask(Body::Return(1)),
                Op::Submit(Body::Return(1)),
                Op::Submit(Body::Yield(1)),
                Op::WrapSource,
                Op::StopThreadsafe,
                Op::RunOnce(Millis(1)),
                Op::SetResult(NEWEST, 1),
                Op::OnFutureDone(NEWEST, Then::Nothing),
            ],
        ),
    ]
}

/// What was once wrong: each of these made the kernel break its specification, or seem to.
fn found() -> Vec<Named> {
    vec![
        // The cancel went round for ever, and the stack overflowed.
        (
            "found_tasks_that_await_in_a_circle",
            vec![
                Op::CreateTask(both(Body::Yield(1), Body::AwaitTask(NEWEST))),
                Op::CreateTask(Body::AwaitTask(SECOND)),
                Op::RunUntilIdle,
                Op::CancelTask(NEWEST),
                Op::RunUntilIdle,
                Op::CreateTask(Body::Gather(NEWEST, NEWEST)),
                Op::RunUntilIdle,
                Op::CancelTask(NEWEST),
                Op::RunUntilIdle,
            ],
        ),
        // The two tasks waited for themselves for ever, and the cancel of the second one likewise.
        (
            "found_tasks_that_gather_or_shield_themselves",
            vec![
                Op::CreateTask(Body::Shield(NEWEST)),
                Op::RunUntilIdle,
                Op::ReadTask(NEWEST),
                Op::CreateTask(Body::Gather(NEWEST, NEWEST)),
                Op::RunUntilIdle,
                Op::CancelTask(NEWEST),
                Op::RunUntilIdle,
            ],
        ),
        // `wait_for` took the cancel that came back to it, and left before the other task had ended.
        (
            "found_wait_for_in_a_circle",
            vec![
                Op::CreateTask(Body::WaitFor(Millis(1), NEWEST)),
                Op::CreateTask(Body::AwaitTask(SECOND)),
                Op::RunUntilIdle,
            ],
        ),
        // The same for a cancel that is there before the await which closes the circle.
        (
            "found_a_circle_closed_by_a_cancelled_task",
            vec![
                Op::CreateTask(both(
                    both(Body::Yield(1), Body::Do(Box::new(Op::CancelTask(SECOND)))),
                    Body::AwaitTask(NEWEST),
                )),
                Op::CreateTask(Body::AwaitTask(SECOND)),
                Op::RunUntilIdle,
                Op::ReadTask(NEWEST),
                Op::ReadTask(SECOND),
            ],
        ),
        // The oracle's mistake: until the call returns the loop need not have been told.
        (
            "found_a_loop_that_runs_while_a_submission_is_cancelled",
            vec![
                Op::CreateFuture,
                Op::Submit(Body::AwaitFuture(NEWEST)),
                Op::OnSubmissionDone(NEWEST, Then::OnDrop(Box::new(Op::RunUntilIdle))),
                Op::RunUntilIdle,
                Op::CancelSubmission(NEWEST),
                Op::RunUntilIdle,
            ],
        ),
        // The first timeout gave the cancel back, and noted that it had been received; the second one lost it.
        (
            "found_a_cancel_that_one_timeout_gave_back",
            vec![
                Op::CreateTask(both(
                    within(170, Body::Foreign(true)),
                    within(2, Body::Return(205)),
                )),
                Op::RunOnce(Millis(1)),
                Op::CancelTask(NEWEST),
                Op::RunUntilIdle,
            ],
        ),
    ]
}
