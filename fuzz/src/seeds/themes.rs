//! Seeds of the targets with a theme.

use crate::canary::Canary;
use crate::program::{Body, Millis, Op, Pick, Program, Then};
use crate::themes::{ScopeBody, ScopeOp, TimerOp, TimerThen};

const NEWEST: Pick = Pick(0);
const SECOND: Pick = Pick(1);

type Named<L> = Vec<(&'static str, Program<L>)>;

fn programs<L>(named: Vec<(&'static str, Vec<L>)>) -> Named<L> {
    named.into_iter().map(|(name, ops)| (name, Program { ops })).collect()
}

pub(super) fn timers() -> Named<TimerOp> {
    let then = |op| TimerThen::Do(Box::new(op));
    programs(vec![
        (
            "ties_and_sleeps_that_end_early",
            vec![
                TimerOp::Set(Millis(2), TimerThen::Nothing),
                TimerOp::SetThreadsafe(
                    Millis(2),
                    then(TimerOp::Set(Millis(0), TimerThen::Nothing)),
                ),
                TimerOp::RunOnce(Millis(1)),
                TimerOp::SetMany(3, Millis(1)),
                TimerOp::RunUntilIdle,
            ],
        ),
        (
            "many_cancelled_at_once",
            vec![
                TimerOp::SetMany(60, Millis(7)),
                TimerOp::CancelMany(55),
                TimerOp::RunOnce(Millis(0)),
                TimerOp::Set(Millis(3), TimerThen::Nothing),
                TimerOp::RunUntilIdle,
            ],
        ),
        (
            "cancelled_by_its_own_batch",
            vec![
                TimerOp::Set(Millis(1), then(TimerOp::Cancel(NEWEST))),
                TimerOp::Set(
                    Millis(1),
                    TimerThen::OnDrop(Box::new(TimerOp::Soon(TimerThen::Nothing))),
                ),
                TimerOp::RunUntilIdle,
            ],
        ),
        (
            "odd_moments_and_long_sleeps",
            vec![
                TimerOp::Set(Millis(128), TimerThen::Panic),
                TimerOp::Set(Millis(129), TimerThen::Nothing),
                TimerOp::Sleep(Millis(130)),
                TimerOp::Sleep(Millis(135)),
                TimerOp::SetTooFar,
                TimerOp::RunOnce(Millis(1)),
                TimerOp::CancelSleep(NEWEST),
                TimerOp::Set(Millis(134), TimerThen::Nothing),
                TimerOp::RunUntilIdle,
                TimerOp::Forget(NEWEST),
                TimerOp::Close,
                TimerOp::Set(Millis(0), TimerThen::Nothing),
            ],
        ),
    ])
}

pub(super) fn scopes() -> Named<ScopeOp> {
    let sleep = |millis| Box::new(ScopeBody::Sleep(Millis(millis)));
    let both = |first, second| ScopeBody::Both(Box::new(first), Box::new(second));
    programs(vec![
        (
            "a_scope_expires_in_a_scope",
            vec![
                ScopeOp::Start(ScopeBody::Nested(Millis(3), Millis(1), sleep(5))),
                ScopeOp::RunUntilIdle,
                ScopeOp::Start(ScopeBody::Nested(Millis(1), Millis(1), sleep(5))),
                ScopeOp::RunUntilIdle,
                ScopeOp::Read(NEWEST),
            ],
        ),
        (
            "a_cancel_and_an_expiry_at_once",
            vec![
                ScopeOp::Start(ScopeBody::Timeout(Millis(2), sleep(5))),
                ScopeOp::Later(Millis(2), Box::new(ScopeOp::Cancel(NEWEST))),
                ScopeOp::RunUntilIdle,
                ScopeOp::Submit(ScopeBody::Timeout(Millis(2), Box::new(ScopeBody::Foreign(false)))),
                ScopeOp::Later(Millis(2), Box::new(ScopeOp::CancelSubmission(NEWEST))),
                ScopeOp::RunUntilIdle,
            ],
        ),
        (
            "a_swallowed_cancel_is_taken_back",
            vec![
                ScopeOp::Start(ScopeBody::Timeout(
                    Millis(6),
                    Box::new(both(
                        ScopeBody::Swallow(Millis(1), 2),
                        both(ScopeBody::Uncancel(NEWEST), ScopeBody::Sleep(Millis(1))),
                    )),
                )),
                ScopeOp::RunOnce(Millis(0)),
                ScopeOp::Cancel(NEWEST),
                ScopeOp::RunOnce(Millis(0)),
                ScopeOp::Cancel(NEWEST),
                ScopeOp::Uncancel(NEWEST),
                ScopeOp::RunUntilIdle,
            ],
        ),
        (
            "found_a_second_cancel_in_one_step",
            vec![
                ScopeOp::Start(both(
                    ScopeBody::Swallow(Millis(9), 0),
                    both(
                        ScopeBody::Cancel(NEWEST),
                        ScopeBody::Timeout(Millis(9), Box::new(ScopeBody::Return)),
                    ),
                )),
                ScopeOp::RunOnce(Millis(0)),
                ScopeOp::Cancel(NEWEST),
                ScopeOp::RunUntilIdle,
                ScopeOp::Read(NEWEST),
            ],
        ),
        (
            "found_an_await_behind_a_cancel_in_one_scope",
            vec![
                ScopeOp::Start(ScopeBody::Return),
                ScopeOp::Start(ScopeBody::Timeout(
                    Millis(8),
                    Box::new(both(ScopeBody::Cancel(NEWEST), ScopeBody::Shield(SECOND))),
                )),
                ScopeOp::RunUntilIdle,
            ],
        ),
        (
            "a_shield_and_a_wait_for_of_one_task",
            vec![
                ScopeOp::Start(ScopeBody::Finally(
                    Box::new(ScopeOp::Soon(Box::new(ScopeOp::Cancel(NEWEST)))),
                    sleep(3),
                )),
                ScopeOp::Start(ScopeBody::Shield(NEWEST)),
                ScopeOp::Start(ScopeBody::WaitFor(Millis(1), SECOND)),
                ScopeOp::Cancel(SECOND),
                ScopeOp::RunUntilIdle,
                ScopeOp::NewFuture,
                ScopeOp::Start(ScopeBody::Timeout(
                    Millis(1),
                    Box::new(ScopeBody::AwaitFuture(NEWEST)),
                )),
                ScopeOp::RunOnce(Millis(0)),
                ScopeOp::CancelFuture(NEWEST),
                ScopeOp::RunUntilIdle,
                ScopeOp::Close,
            ],
        ),
    ])
}

/// Each step of the canary by itself: the order is for the fuzzer to find.
pub(super) fn canary() -> Vec<(&'static str, Canary)> {
    let program = Program {
        ops: vec![
            Op::Close,
            Op::CancelSubmission(NEWEST),
            Op::Submit(Body::Return(1)),
            Op::CallLater(Millis(1), Then::Nothing),
        ],
    };
    vec![("the_wrong_order", Canary { program })]
}
