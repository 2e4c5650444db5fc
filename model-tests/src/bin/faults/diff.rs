//! A unified diff, applied strictly: every line of a hunk must be there, and in one place only.
//!
//! Line numbers are not looked at. A patch whose lines have moved applies; one whose lines have changed,
//! or could be meant elsewhere as well, is refused. Neither git nor patch(1) can be told to be like that:
//! both look at the nearest place that fits.

/// The changes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileDiff {
    /// Relative to the repository.
    pub(crate) path: String,
    hunks: Vec<Hunk>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Hunk {
    old: Vec<String>,
    new: Vec<String>,
}

/// Reads the diffs of all files.
pub(crate) fn parse(text: &str) -> Result<Vec<FileDiff>, String> {
    let mut files: Vec<FileDiff> = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(old) = line.strip_prefix("--- ") {
            let new = lines.next().and_then(|line| line.strip_prefix("+++ "));
            let path = match (old.strip_prefix("a/"), new.and_then(|new| new.strip_prefix("b/"))) {
                (Some(old), Some(new)) if old == new => old,
                _ => {
                    return Err(format!(
                        "`{line}` is not followed by the same file as `+++ b/...`"
                    ));
                }
            };
            let path = path.trim_end().to_owned();
            if files.iter().any(|file| file.path == path) {
                return Err(format!("{path} is there twice: its hunks belong under one head"));
            }
            files.push(FileDiff { path, hunks: Vec::new() });
        } else if line.starts_with("@@ ") {
            let file = files.last_mut().ok_or("a hunk comes before the name of its file")?;
            let (old, new) =
                counts(line).ok_or_else(|| format!("`{line}` is no head of a hunk"))?;
            let mut hunk = Hunk::default();
            while hunk.old.len() < old || hunk.new.len() < new {
                hunk.push(lines.next().ok_or("the last hunk is cut off")?)?;
            }
            if hunk.old == hunk.new {
                return Err(format!("the hunk `{line}` changes nothing"));
            }
            if hunk.old.is_empty() {
                return Err(format!("the hunk `{line}` has no line to be found by"));
            }
            file.hunks.push(hunk);
        } else if !["diff --git ", "index ", "\\ "].iter().any(|begin| line.starts_with(begin))
            && !line.trim().is_empty()
        {
            return Err(format!("`{line}` is no part of a diff"));
        }
    }
    match files.iter().find(|file| file.hunks.is_empty()) {
        Some(file) => Err(format!("nothing is changed in {}", file.path)),
        None if files.is_empty() => Err("there is no diff".into()),
        None => Ok(files),
    }
}

/// How many lines a hunk has of the old text and of the new, from `@@ -1,3 +1,4 @@`.
fn counts(head: &str) -> Option<(usize, usize)> {
    let mut words = head.split(' ').skip(1);
    let mut count = |sign| {
        let range = words.next()?.strip_prefix(sign)?;
        range.split_once(',').map_or(Some(1), |(_, count)| count.parse().ok())
    };
    Some((count('-')?, count('+')?))
}

impl Hunk {
    fn push(&mut self, line: &str) -> Result<(), String> {
        // An empty line is a context line whose blank an editor has taken away.
        let (sign, rest) = line.split_at_checked(1).unwrap_or((" ", ""));
        if ["-", " "].contains(&sign) {
            self.old.push(rest.to_owned());
        }
        if ["+", " "].contains(&sign) {
            self.new.push(rest.to_owned());
        }
        if ["-", "+", " "].contains(&sign) { Ok(()) } else { Err(format!("`{line}` is in a hunk")) }
    }

    /// The one place of the old lines at or after `from`.
    fn place(&self, lines: &[String], from: usize) -> Result<usize, String> {
        let fits = |start: &usize| lines[*start..].starts_with(&self.old);
        let places: Vec<usize> = (from..lines.len()).filter(fits).collect();
        match places[..] {
            [place] => Ok(place),
            [] => {
                let lost = self.old.iter().find(|old| !lines[from..].contains(old));
                let lost = lost.unwrap_or(&self.old[0]).trim();
                Err(format!("its lines are not there any more, for one `{lost}`"))
            }
            _ => {
                let at: Vec<String> = places.iter().map(|place| (place + 1).to_string()).collect();
                Err(format!("it fits at lines {}: give it more context", at.join(", ")))
            }
        }
    }
}

impl FileDiff {
    /// The text with this change.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let mut from = 0;
        for hunk in &self.hunks {
            let place = hunk.place(&lines, from)?;
            lines.splice(place..place + hunk.old.len(), hunk.new.iter().cloned());
            from = place + hunk.new.len();
        }
        Ok(lines.join("\n") + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "\
diff --git a/kernel/src/a.rs b/kernel/src/a.rs
index 1..2 100644
--- a/kernel/src/a.rs
+++ b/kernel/src/a.rs
@@ -1,3 +1,3 @@ fn a()
 one

-two
+2
@@ -9 +9,2 @@
 nine
+ten
";

    #[test]
    fn applies_wherever_its_lines_are() {
        let [file] = &parse(DIFF).unwrap()[..] else { panic!() };
        assert_eq!(file.path, "kernel/src/a.rs");
        let text = "zero\none\n\ntwo\nthree\nnine\n";
        assert_eq!(file.apply(text).unwrap(), "zero\none\n\n2\nthree\nnine\nten\n");
    }

    #[test]
    fn is_strict() {
        let [file] = &parse(DIFF).unwrap()[..] else { panic!() };
        let error = file.apply("one\n\ntwo!\nnine\n").unwrap_err();
        assert!(error.contains("`two`"), "{error}");
        let error = file.apply("one\n\ntwo\none\n\ntwo\nnine\n").unwrap_err();
        assert!(error.contains("lines 1, 4"), "{error}");
        // In the order of the diff, and each line once.
        assert!(file.apply("nine\none\n\ntwo\n").is_err());
    }

    #[test]
    fn refuses_what_is_no_diff() {
        let cases = [
            ("", "no diff"),
            ("--- a/x\n+++ b/y\n", "the same file"),
            ("--- a/x\n+++ b/x\n", "nothing is changed"),
            ("@@ -1 +1 @@\n-a\n+b\n", "before the name"),
            ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n+b\n", "cut off"),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n a\n", "changes nothing"),
            ("--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+a\n", "to be found by"),
            (
                "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n--- a/x\n+++ b/x\n@@ -3 +3 @@\n-c\n+d\n",
                "is there twice",
            ),
            ("--- a/x\n+++ b/x\n@@ one @@\n", "no head"),
            ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\nc\n", "no part"),
            ("--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-a\n*b\n", "is in a hunk"),
        ];
        for (text, wrong) in cases {
            let error = parse(text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }
}
