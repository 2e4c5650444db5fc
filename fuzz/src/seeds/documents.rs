//! Seeds of the texts: one that is well formed for each reader and each shape, and what is nearly so.

use crate::documents::{Document, Reader};

const VECTOR: &str = r#"{"name":"s2_example","clauses":["S-2"],"about":"An example.","program":{"version":1,
"threads":[[{"new_loop":0},{"call_soon":{"on":0,"callback":0,"handle":0}},{"run_until_complete":{"on":0,"coroutine":0}}]],
"callbacks":[[{"mark":0}]],
"coroutines":[[{"await":{"sleep":2}},{"try":{"body":[{"await":"yield"}],"catch":"all","handler":[{"raise":3}],"again":false}},{"return":1}]]},
"allowed":[[["ok","mark 0","ok","ok","value 1"]]]}"#;

const RACE: &str = r#"{"name":"h1_race","clauses":["H-1"],"about":"One wins.","program":{"version":1,"threads":[
[{"new_loop":0},{"post":{"on":0,"callback":0,"handle":0}},{"start":1},{"stop_local":0},{"run_forever":0},{"join":1}],
[{"cancel_handle":0}]],"callbacks":[[{"mark":0}]]},"allowed":[[["ok","mark 0","ok"],["false"]],[["ok","ok"],["true"]]]}"#;

const PROFILE: &str = r#"name = "mine"
command = ["./my-driver", "--quiet"]
requirements = "driver.txt"

[lacks]
post_later = "there are no timers for other threads"

[[deviation]]
vectors = ["d2_eight_equal_timers"]
shows = "outcome"
reason = "timers are in a heap without a second key"

[[deviation]]
vectors = ["f15_cancel_ends_a_wait"]
shows = "hang"
reason = "it waits"
"#;

const QUESTIONS: &str = r#"{"run":1,"seed":77,"program":{"version":1,"threads":[[{"mark":3}]]}}
{"run":2,"seed":78,"program":{"version":1,"threads":[[{"new_promise":0},{"set_result":{"future":0,"value":1}}]],"works":[[{"mark":1}]]}}
"#;

pub(super) fn all() -> Vec<(&'static str, Document)> {
    let document = |reader, text: &str| Document { reader, text: text.into() };
    vec![
        ("a_vector_of_one_thread", document(Reader::Vector, VECTOR)),
        ("a_vector_with_a_race", document(Reader::Vector, RACE)),
        ("a_vector_cut_short", document(Reader::Vector, &RACE[..300])),
        ("a_profile", document(Reader::Profile, PROFILE)),
        ("a_profile_with_two_deviations_of_one_vector", {
            document(
                Reader::Profile,
                &PROFILE.replace("f15_cancel_ends_a_wait", "d2_eight_equal_timers"),
            )
        }),
        ("two_questions", document(Reader::Driver, QUESTIONS)),
        ("an_introduction", {
            document(Reader::Kit, r#"{"protocol":1,"runtime":"mine","version":"0.3"}"#)
        }),
        ("an_outcome", document(Reader::Kit, r#"{"run":1,"outcome":[["mark 3"],["mark 1"]]}"#)),
        (
            "an_outcome_of_too_few_logs",
            document(Reader::Kit, r#"{"run":1,"outcome":[["mark 3"]]}"#),
        ),
        ("an_error", document(Reader::Kit, r#"{"run":3,"error":"out of order"}"#)),
        ("two_answers_at_once", {
            document(Reader::Kit, r#"{"run":3,"unsupported":"post","outcome":[]}"#)
        }),
    ]
}
