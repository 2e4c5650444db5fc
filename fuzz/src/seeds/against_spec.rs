//! Seeds of the targets that the spec judges.

use crate::against_spec::{
    Drive, FutureOp, GraphBody, GraphOp, Life, PoolOp, RaceBody, RaceOp, Races, When, Workers,
};
use crate::program::{Pick, Program};
use crate::schedule::Scheduled;

const NEWEST: Pick = Pick(0);
const SECOND: Pick = Pick(1);

pub(super) fn futures() -> Vec<(&'static str, Program<FutureOp>)> {
    use FutureOp::*;
    let then = Box::new;
    let named = [
        (
            "callbacks_in_callbacks",
            vec![
                New,
                OnDone(NEWEST, then(Result(NEWEST))),
                OnDone(NEWEST, then(OnDone(NEWEST, then(Cancelled(NEWEST))))),
                SetResult(NEWEST, 3),
                OnDone(NEWEST, then(SetResult(NEWEST, 4))),
            ],
        ),
        (
            "a_cancel_of_work_that_runs",
            vec![
                New,
                SetRunning(NEWEST),
                Cancel(NEWEST),
                Running(NEWEST),
                New,
                Cancel(NEWEST),
                Cancel(NEWEST),
                Ended(NEWEST),
                SetRunning(NEWEST),
                Ended(NEWEST),
                WaitEnded(NEWEST),
            ],
        ),
        (
            "a_broken_promise_among_others",
            vec![
                New,
                New,
                Wait(NEWEST, SECOND, When::First),
                SetException(NEWEST, 1),
                Wait(NEWEST, SECOND, When::Exception),
                DropPromise(SECOND),
                Exception(SECOND),
                AsCompleted(NEWEST, SECOND),
                Wait(NEWEST, SECOND, When::All),
            ],
        ),
        (
            "completed_and_told_too_late",
            vec![New, Complete(NEWEST, 1), Complete(NEWEST, 2), Done(NEWEST), Result(NEWEST)],
        ),
    ];
    named.into_iter().map(|(name, ops)| (name, Program { ops })).collect()
}

pub(super) fn graph() -> Vec<(&'static str, Program<GraphOp>)> {
    use GraphOp::*;
    let both = |first, second| GraphBody::Both(Box::new(first), Box::new(second));
    let named = [
        (
            "a_submission_awaited_by_the_other_loop",
            vec![
                Submit(false, both(GraphBody::Sleep(2), GraphBody::Return(4))),
                Submit(true, GraphBody::Await(NEWEST)),
                CreateTask(true, GraphBody::AwaitWrapped(SECOND)),
                Turn(false),
                Turn(true),
                Cancel(NEWEST),
                Sleep(false, 4),
                Turn(true),
                TaskResult(NEWEST),
            ],
        ),
        (
            "a_cancel_down_a_chain_of_three",
            vec![
                NewPromise,
                Wrap(false, NEWEST),
                CreateTask(false, GraphBody::AwaitLocal(NEWEST)),
                CreateTask(
                    false,
                    GraphBody::Swallow(
                        Box::new(GraphBody::AwaitTask(NEWEST)),
                        Box::new(GraphBody::Return(6)),
                    ),
                ),
                OnTaskDone(NEWEST),
                Turn(false),
                Turn(false),
                CancelTask(NEWEST),
                Turn(false),
                Turn(false),
                SetResult(NEWEST, 1),
                TaskResult(NEWEST),
            ],
        ),
        (
            "shields_timeouts_and_a_gather",
            vec![
                CreateTask(false, both(GraphBody::Sleep(3), GraphBody::Return(1))),
                CreateTask(false, GraphBody::Timeout(2, Box::new(GraphBody::Shield(NEWEST)))),
                CreateTask(false, GraphBody::Gather(NEWEST, SECOND)),
                Later(false, 1, Box::new(CancelTask(NEWEST))),
                Sleep(false, 4),
                Sleep(false, 4),
                Sleep(false, 4),
            ],
        ),
        (
            "a_loop_closed_under_the_other_one",
            vec![
                NewPromise,
                Submit(true, GraphBody::Await(NEWEST)),
                Submit(false, GraphBody::AwaitWrapped(NEWEST)),
                OnDone(NEWEST),
                Soon(true, Box::new(SetRunning(Pick(2)))),
                Turn(true),
                Turn(false),
                Close(true),
                Turn(false),
                Submit(true, GraphBody::Yield),
            ],
        ),
        (
            "a_future_of_the_wrong_loop",
            vec![
                CreateFuture(true),
                CreateTask(false, GraphBody::AwaitLocal(NEWEST)),
                CreateTask(
                    false,
                    GraphBody::Finally(
                        Box::new(GraphBody::Raise(1)),
                        Box::new(GraphBody::Do(Box::new(SetLocal(NEWEST, 2)))),
                    ),
                ),
                Uncancel(NEWEST),
                Turn(false),
                Turn(false),
                CancelLocal(NEWEST),
            ],
        ),
    ];
    named.into_iter().map(|(name, ops)| (name, Program { ops })).collect()
}

pub(super) fn pool() -> Vec<(&'static str, Scheduled<Life>)> {
    use PoolOp::*;
    let input = |workers, threads, schedule: &[u8]| Scheduled {
        program: Life { workers: Workers(workers), threads },
        schedule: schedule.to_vec(),
    };
    vec![
        (
            "a_shutdown_that_cancels_what_waits",
            input(
                0,
                [[SubmitWaiting, Submit, OpenGate], [Shutdown(false, true), Submit, End]],
                &[0, 1, 2, 1],
            ),
        ),
        (
            "a_cancel_at_the_pick_up",
            input(
                0,
                [
                    [Submit, Cancel(NEWEST), Result(NEWEST)],
                    [Cancel(NEWEST), WaitEnded(NEWEST), End],
                ],
                &[2, 1, 0, 1, 2],
            ),
        ),
        (
            "an_initializer_that_fails",
            input(6, [[Submit, Result(NEWEST), End], [SubmitFailing, End, End]], &[1, 1]),
        ),
        (
            "two_workers_and_a_shutdown_that_waits",
            input(
                1,
                [[SubmitFailing, Submit, Running(NEWEST)], [Shutdown(true, false), End, End]],
                &[2, 2, 1, 0, 2],
            ),
        ),
    ]
}

pub(super) fn races() -> Vec<(&'static str, Scheduled<Races>)> {
    use FutureOp::*;
    use RaceOp::{End, Ever, IsClosed, Now, Post, PostDoing, Soon, Stop, Submit};
    let input = |drive, futures, submitted, threads, schedule: &[u8]| Scheduled {
        program: Races { drive: Drive(drive), futures, submitted, threads },
        schedule: schedule.to_vec(),
    };
    let then = Box::new;
    vec![
        (
            "a_wait_a_completion_and_a_cancel",
            input(
                0,
                1,
                RaceBody::Return(0),
                [[Ever(Result(NEWEST)), End], [Now(SetResult(NEWEST, 1)), Now(Cancel(NEWEST))]],
                &[1, 2, 0, 1],
            ),
        ),
        (
            "callbacks_added_while_it_completes",
            input(
                0,
                2,
                RaceBody::Return(0),
                [
                    [Now(OnDone(NEWEST, then(Cancel(SECOND)))), Now(Ended(SECOND))],
                    [Now(SetException(NEWEST, 1)), Now(SetRunning(SECOND))],
                ],
                &[2, 1, 1, 0, 2],
            ),
        ),
        (
            "a_wait_for_two_that_runs_out_of_time",
            input(
                0,
                2,
                RaceBody::Return(0),
                [
                    [Soon(Wait(NEWEST, SECOND, When::All)), End],
                    [Now(SetResult(SECOND, 2)), Now(Cancel(NEWEST))],
                ],
                &[0, 2, 1, 255, 1],
            ),
        ),
        (
            "a_submission_against_the_end_of_the_loop",
            input(
                1,
                0,
                RaceBody::Yield(2),
                [[Submit(RaceBody::Raise), Ever(Result(NEWEST))], [Stop, End]],
                &[0, 1, 2, 2, 1, 0, 1],
            ),
        ),
        (
            "posts_turns_and_a_completion",
            input(
                2,
                1,
                RaceBody::Await(NEWEST),
                [[Post, PostDoing(SetResult(SECOND, 3))], [Soon(Result(NEWEST)), End]],
                &[1, 0, 2, 1, 0, 0, 2],
            ),
        ),
        (
            "a_cancel_that_is_swallowed",
            input(
                1,
                1,
                RaceBody::Swallow(NEWEST),
                [[Now(Cancel(NEWEST)), Soon(WaitEnded(NEWEST))], [End, End]],
                &[1, 1, 0, 2, 0, 1],
            ),
        ),
        (
            "a_loop_that_never_runs",
            input(
                3,
                0,
                RaceBody::Return(1),
                [[Submit(RaceBody::Raise), Ever(Result(NEWEST))], [IsClosed, Post]],
                &[2, 0, 1],
            ),
        ),
    ]
}
