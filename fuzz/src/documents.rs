//! Texts as the conformance kit reads them: vectors, profiles, and what the kit and a driver say to each other.
//!
//! Whoever writes a driver, a profile or a vector makes mistakes, and gets told which. What must be so of any text:
//!
//! * nobody panics, and a refusal has words;
//! * a vector that is read is written as one that reads the same; the spec can say what comes of its program, and the
//!   kernel does that;
//! * a profile that is read finds each of its deviations;
//! * a driver answers each question that is one, with an answer that can be read;
//! * an answer that is believed has a log for each thread and each work.

use arbitrary::{Arbitrary, Result, Unstructured};
use loopgate_model_tests::conformance::wire::{Answer, Hello};
use loopgate_model_tests::conformance::{
    Failure, Identity, Logs, Profile, Request, Runtime, Vector, serve,
};
use loopgate_model_tests::spec::program::{Op, Program as SpecProgram, VERSION};

use crate::alphabet::{Letter, alphabet};
use crate::program::begin;
use crate::{Input, against_spec};

alphabet! {
    /// Who reads a text.
    Reader {
        /// Of a vector.
        Vector,
        /// Of a runtime's profile.
        Profile,
        /// A driver, of what it is asked.
        Driver,
        /// The kit, of a line that a driver wrote.
        Kit,
    }
}

/// A text, and who reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// For whom it is.
    pub reader: Reader,
    /// Anything.
    pub text: String,
}

impl<'a> Arbitrary<'a> for Document {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Document> {
        begin(u)?;
        let reader = Reader::arbitrary(u)?;
        let text = u.bytes(u.len())?;
        // Files and pipes are refused as a whole if they are no text: that is not the kit's doing.
        let text = std::str::from_utf8(text).map_err(|_| arbitrary::Error::IncorrectFormat)?;
        Ok(Document { reader, text: text.to_owned() })
    }
}

impl Input for Document {
    const TARGET: &'static str = "vectors";

    fn check(&self) -> std::result::Result<(), String> {
        match self.reader {
            Reader::Vector => vector(&self.text),
            Reader::Profile => profile(&self.text),
            Reader::Driver => driver(&self.text),
            Reader::Kit => kit(&self.text),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![crate::VERSION];
        self.reader.encode(&mut bytes);
        bytes.extend(self.text.as_bytes());
        bytes
    }

    fn source(&self) -> String {
        format!("Document {{ reader: {}, text: {:?}.into() }}", self.reader.source(), self.text)
    }
}

type Verdict = std::result::Result<(), String>;

fn refused(why: &str) -> Verdict {
    if why.trim().is_empty() { Err("a refusal without a word".into()) } else { Ok(()) }
}

fn vector(text: &str) -> Verdict {
    let vector = match Vector::read(text) {
        Ok(vector) => vector,
        Err(why) => return refused(&why),
    };
    let written = vector.text();
    if Vector::read(&written).as_ref() != Ok(&vector) {
        return Err(format!("a vector is not what was written of it:\n{written}"));
    }
    against_spec::check_any(vector.program)
}

fn profile(text: &str) -> Verdict {
    let profile = match Profile::parse(text) {
        Ok(profile) => profile,
        Err(why) => return refused(&why),
    };
    let mut named = profile.deviations.iter().flat_map(|deviation| &deviation.vectors);
    match named.find(|name| profile.deviation(name).is_none()) {
        Some(name) => Err(format!("the deviation of {name:?} is not found")),
        None => Ok(()),
    }
}

/// A runtime that can do nothing.
struct Unable {
    asked: usize,
}

impl Runtime for Unable {
    fn identity(&mut self) -> std::result::Result<Identity, Failure> {
        Ok(Identity { runtime: "unable".into(), version: "1".into() })
    }

    fn run(&mut self, _: Request<'_>) -> std::result::Result<Logs, Failure> {
        self.asked += 1;
        Err(Failure::Unsupported("anything".into()))
    }
}

fn driver(text: &str) -> Verdict {
    let (mut runtime, mut written) = (Unable { asked: 0 }, Vec::new());
    if let Err(error) = serve(&mut runtime, text.as_bytes(), &mut written) {
        refused(&error.to_string())?;
    }
    let written = String::from_utf8(written).map_err(|error| error.to_string())?;
    let mut lines = written.lines();
    let hello = lines.next().map(serde_json::from_str::<Hello>);
    if !matches!(hello, Some(Ok(_))) {
        return Err(format!("a driver began with {hello:?}"));
    }
    let answers: Vec<_> = lines.map(serde_json::from_str::<Answer>).collect();
    if answers.len() != runtime.asked || answers.iter().any(std::result::Result::is_err) {
        return Err(format!("asked {} times, a driver wrote {answers:?}", runtime.asked));
    }
    Ok(())
}

fn kit(text: &str) -> Verdict {
    if let Err(error) = serde_json::from_str::<Hello>(text) {
        refused(&error.to_string())?;
    }
    let answer: Answer = match serde_json::from_str(text) {
        Ok(answer) => answer,
        Err(error) => return refused(&error.to_string()),
    };
    let program = SpecProgram {
        version: VERSION,
        threads: vec![vec![Op::Mark(0)]],
        works: vec![vec![Op::Mark(1)]],
        ..SpecProgram::default()
    };
    match answer.judge(&program) {
        Ok(logs) if logs.len() == 2 => Ok(()),
        Ok(logs) => Err(format!("{} logs of two were believed", logs.len())),
        Err(failure) => refused(&failure.to_string()),
    }
}
