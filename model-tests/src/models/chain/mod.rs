//! Submissions and wrapped futures: an outcome on its way, and whatever may cross it.
//!
//! * [`copy`]: from a task to whoever submitted it;
//! * [`cancel`]: submissions that are cancelled, at every point of their way;
//! * [`close`]: submissions to a loop that stops, closes, or leaves its run for good;
//! * [`wrap`]: from work elsewhere to a future of the loop;
//! * [`loops`]: from one loop to another.
//!
//! SPEC.md ends with a table of the races of chaining, which come from asyncio and have their numbers there.
//! Each is listed here with its model, or with the reason why it has none.
//!
//! From a task to the concurrent future of its submitter:
//!
//! | race | in words | model |
//! |---|---|---|
//! | CA1 | the coroutine returns a value | `u1_submission_races_sleep`, `c1_release_follows_what_the_task_scheduled`, `c1_copies_in_a_row_release_everybody` |
//! | CA2 | it raises an exception | `x1_exception_releases_a_blocked_submitter`, `c3_cancel_races_exception` |
//! | CA3 | its task is cancelled on the loop | `c4_cancel_on_the_loop_releases_a_waiter`, `c4_cancel_on_the_loop_races_cancel` |
//! | CA4 | the submission is cancelled before the task is made, or before its first step | `c5_cancel_races_the_submission`, `c5_cancel_races_the_first_step` |
//! | CA5 | it is cancelled while the task is suspended, or between two steps | `c6_cancel_wakes_a_sleeping_loop`, `c6_cancel_races_the_next_step`, `c7_ended_only_after_the_cleanup` |
//! | CA6 | and the coroutine swallows the cancel | `c7_swallowed_cancel_races_the_end` |
//! | CA7 | and the coroutine raises something else because of it | `c3_exception_in_the_cleanup_is_reported` |
//! | CA8, CA9 | it is cancelled when the task has ended: before the copy of the outcome, or just then | `c2_cancel_races_copy` |
//! | CA10 | the loop is closed before it takes the submission | `c8_close_races_submission`, `c8_close_releases_two_submitters` |
//! | CA11 | the loop is stopped and not closed; runs again, or closes later | `w10_stop_races_submission`, `c8_drop_after_a_turn_races_submission` |
//! | CA12 | the loop is closed while the task is suspended, and the submission cancelled | `c8_close_races_cancel_of_a_suspended_task`, `c8_close_delivers_an_outcome_that_was_reached` |
//! | CA13 | the loop is closed already | `c8_close_races_submission`, outcome `refused`; `g3_closed_is_closed_for_good` |
//! | CA14 | the coroutine asks the program to exit, so the loop leaves its run | `s9_exit_releases_its_submitter`, `s9_exit_races_cancel` |
//! | CA15, CA16 | the submitter completes, or begins, the future itself | none: it holds no promise, so the program cannot be written |
//! | CA17 | the submitter's wait times out | `f8_timeout_then_cancel_races_completion`, `f9_timeout_leaves_the_task_alone` |
//!
//! From a concurrent future to the loop future that wraps it:
//!
//! | race | in words | model |
//! |---|---|---|
//! | CB1 | the work elsewhere yields a value | `c9_completion_races_wrap`, `u4_work_races_the_loop` |
//! | CB2 | the wrapper is cancelled before the work has begun | `c10_cancel_of_a_wrapper_races_start`, `e4_cancel_of_a_task_races_its_work` |
//! | CB3 | it is cancelled while the work runs | the same |
//! | CB4 | it is cancelled when the work has finished, before the copy | `c10_cancel_of_a_wrapper_races_completion` |
//! | CB5 | somebody else cancels the work | `c11_cancelled_source_wakes_its_awaiter`, `e6_cancel_futures_releases_a_task` |
//! | CB6, CB7 | the loop is closed before the work has ended, or just then | `c12_close_races_completion_of_a_source`, `c12_close_races_work` |
//! | CB8 | the work was done when it was wrapped | `c9_completion_races_wrap`, where the worker may be that fast |
//! | CB9 | the loop's own thread completes it | `c9_completion_on_the_loop_races_cancel` |
//! | CB10 | somebody else finishes the wrapper | none: `wrap_future` keeps the promise to itself |
//! | CB11 | the wrapper refuses the exception that the work raised | none: it accepts every exception |
//! | CB12 | the work asks the program to exit | `s9_exit_raised_elsewhere_leaves_the_run` |
//! | CB13 | the worker posts something before it completes | `c9_completion_races_wrap` |
//!
//! Between two loops, each in its thread, the two directions meet: `f21_loop_awaits_another_loop`,
//! `c6_cancel_crosses_to_another_loop`, `c8_close_releases_a_loop_that_awaits`.

pub(super) mod cancel;
pub(super) mod close;
pub(super) mod copy;
pub(super) mod loops;
pub(super) mod wrap;
