//! The sentences of SPEC.md, for reports that say what was promised.

const SPEC: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../SPEC.md"));

/// A clause's sentence, in one line and without marks of emphasis; `None` if there is no such clause.
pub(crate) fn sentence(id: &str) -> Option<String> {
    sentence_of(SPEC, id)
}

fn sentence_of(spec: &str, id: &str) -> Option<String> {
    let heading = format!("### {id}");
    let mut lines = spec.lines().skip_while(|line| line.trim_end() != heading);
    lines.next()?;
    let paragraph = lines.skip_while(|line| line.trim().is_empty());
    let paragraph = paragraph.take_while(|line| !line.trim().is_empty());
    let words: Vec<&str> = paragraph.flat_map(str::split_whitespace).collect();
    (!words.is_empty() && words[0] != "###").then(|| words.join(" ").replace("**", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "## W wakeup\n\n### W-1\n\nA post MUST wake\nthe loop.\n\nWhy.\n\n\
                        ### W-12\n\nTwelve.\n\n### W-2\n\n### W-3\nThree. **(differs)**\n";

    #[test]
    fn a_sentence_is_the_first_paragraph_under_exactly_that_heading() {
        assert_eq!(sentence_of(TEXT, "W-1").as_deref(), Some("A post MUST wake the loop."));
        assert_eq!(sentence_of(TEXT, "W-12").as_deref(), Some("Twelve."));
        assert_eq!(sentence_of(TEXT, "W-3").as_deref(), Some("Three. (differs)"));
    }

    #[test]
    fn a_clause_that_does_not_exist_has_none() {
        for id in ["W-2", "W-4", "W", ""] {
            assert_eq!(sentence_of(TEXT, id), None, "{id}");
        }
        assert!(sentence("W-1").is_some_and(|sentence| sentence.contains("MUST")));
    }
}
