//! Where a drive left a job, as text, as a document and as an exit code with the command that
//! continues.

use serde::Serialize;

use crate::domain::id::JobId;
use crate::domain::listing::{Beside, LeftOut, LeftOutCode};
use crate::domain::state::JobState;
use crate::engine::{
    DriveOutcome, Ending, Engine, EngineError, ImportOutcome, OperationCounts, SubmitOutcome,
};

use super::context::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::printer::{Form, Printer};
use super::problems::{FileProblem, problems, unlike_planned};
use super::wording::counted;

/// The version of [`ResultDocument`] that this build writes.
const RESULT_SCHEMA_VERSION: u32 = 1;

/// What `submit`, `resume`, `retry`, `wait` and `run` say of a job in the end.
#[derive(Debug, Serialize)]
pub(crate) struct ResultDocument {
    schema_version: u32,
    job: JobId,
    state: JobState,
    operations: OperationCounts,
    /// Files of the listing that are no part of the delivery although somebody may expect them.
    left_out: Vec<LeftOut>,
    /// Files that did not come out as planned, each once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<FileProblem>,
    /// Files that lie beside photos and are neither photos nor failures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<Beside>,
    destination: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    exit_code: u8,
    /// What `import` took.
    #[serde(skip_serializing_if = "Option::is_none")]
    imported: Option<ImportOutcome>,
    #[serde(skip)]
    exit: Option<Exit>,
}

impl ResultDocument {
    /// The exit code that the job's end means.
    pub(crate) fn exit(&self) -> Exit {
        self.exit.unwrap_or(Exit::ERROR)
    }

    /// What is in the way for now, with the job.
    pub(crate) fn in_the_way(&self) -> Option<(&JobId, &str)> {
        let problem = self.problem.as_deref()?;
        (self.exit() == Exit::TEMPORARY).then_some((&self.job, problem))
    }

    /// The job's end for people.
    pub(crate) fn as_text(&self) -> String {
        let counts = &self.operations;
        let mut text = match self.state {
            JobState::Delivered => format!("{}\n", self.destination),
            state => format!("{}: {state}\n", self.job),
        };
        let mut facts = Vec::new();
        for (count, what) in [
            (counts.accepted, "done"),
            (counts.gave_up, "given up"),
            (counts.produced, "to be judged"),
            (counts.rejected, "to be made again"),
            (counts.pending, "still to do"),
            (counts.skipped, "skipped"),
        ] {
            if count > 0 {
                facts.push(format!("{count} {what}"));
            }
        }
        if !facts.is_empty() {
            text.push_str(&format!("operations: {}\n", facts.join(", ")));
        }
        if !self.left_out.is_empty() {
            text.push_str(&format!(
                "left out: {}\n",
                counted(self.left_out.len() as u64, "file", "files")
            ));
        }
        text
    }

    /// Names every file that did not come out as planned, with its reason.
    pub(crate) fn name_problems(&self, printer: &Printer) {
        for problem in &self.problems {
            printer.note(&problem.as_line());
        }
    }
}

/// How bad an exit code is, for the worst of many jobs.
pub(crate) const fn gravity(exit: Exit) -> u8 {
    match exit.code() {
        0 => 0,
        7 => 1,
        8 => 2,
        3 => 3,
        5 => 4,
        6 => 5,
        4 => 6,
        _ => 7,
    }
}

/// Says where the job was left and gives the exit code.
pub(crate) fn report(
    context: &Context,
    engine: &Engine,
    driven: &DriveOutcome,
) -> Result<Exit, Failure> {
    told(context, &document(engine, driven)?, true)
}

/// The same where the listing was read and announced by this very call: what is left out of it was said then.
pub(crate) fn report_announced(
    context: &Context,
    engine: &Engine,
    driven: &DriveOutcome,
) -> Result<Exit, Failure> {
    told(context, &document(engine, driven)?, false)
}

/// The same after an import, with what was taken.
pub(crate) fn report_import(
    context: &Context,
    engine: &Engine,
    driven: &DriveOutcome,
    taken: ImportOutcome,
) -> Result<Exit, Failure> {
    let mut document = document(engine, driven)?;
    document.imported = Some(taken);
    told(context, &document, true)
}

fn told(
    context: &Context,
    document: &ResultDocument,
    name_left_out: bool,
) -> Result<Exit, Failure> {
    let printer = &context.printer;
    printer.either(document, ResultDocument::as_text)?;
    if printer.form() == Form::Text {
        document.name_problems(printer);
        for left_out in document.left_out.iter().filter(|_| name_left_out) {
            printer.note(&format!("left out {}: {}", left_out.file, left_out.reason));
        }
        if let Some(problem) = &document.problem {
            printer.note(problem);
        }
        if let Some(hint) = &document.hint {
            printer.note(&format!("hint: {hint}"));
        }
    }
    Ok(document.exit())
}

/// The job's end as a document.
pub(crate) fn document(
    engine: &Engine,
    driven: &DriveOutcome,
) -> Result<ResultDocument, EngineError> {
    let job = &driven.job;
    let listing = engine.listing(job)?;
    let left_out: Vec<LeftOut> = listing
        .left_out
        .into_iter()
        .filter(|left_out| is_a_loss(left_out.code))
        .collect();
    let problems = problems(engine, driven)?;
    let resume = format!("`remedia resume {job}` goes on");
    let (exit, problem, hint) = match &driven.ending {
        Ending::Delivered if driven.counts.gave_up > 0 => (
            Exit::PARTIAL,
            Some(unlike_planned(&problems)),
            Some(format!(
                "`remedia show {job}` says why; `remedia retry {job} --failed` tries again"
            )),
        ),
        Ending::Delivered if driven.problem.is_some() => (
            Exit::PARTIAL,
            if problems.is_empty() {
                driven.problem.clone()
            } else {
                Some(unlike_planned(&problems))
            },
            Some(format!(
                "`remedia show {job}` says more; with the cause mended, `remedia deliver {job}` tries again"
            )),
        ),
        Ending::Delivered if !left_out.is_empty() => (
            Exit::PARTIAL,
            Some(format!(
                "{} of the listing could not be used",
                counted(left_out.len() as u64, "file", "files")
            )),
            Some(
                "mend or remove them, or say `skip = true` in listing.toml, and submit again"
                    .to_owned(),
            ),
        ),
        Ending::Delivered => (Exit::SUCCESS, None, None),
        Ending::NeedsReview => (
            Exit::PARTIAL,
            Some("some pictures need a person's eye".to_owned()),
            Some(format!(
                "`remedia show {job}` lists them; then `remedia approve {job}` or `remedia reject {job}`"
            )),
        ),
        Ending::AwaitingOperator { instruction } => (
            Exit::WAITING,
            Some(instruction.clone()),
            Some(if engine.awaits_results(job)? {
                format!("`remedia import {job} FILE` takes the results")
            } else {
                resume.replace("goes on", "goes on when that is done")
            }),
        ),
        Ending::Bundled => (
            Exit::WAITING,
            Some("the order is complete and was not sent".to_owned()),
            Some("`remedia run` sends it".to_owned()),
        ),
        Ending::Remote { executor } => (
            Exit::WAITING,
            Some(format!("{executor} works on it")),
            Some(format!("`remedia wait {job}` waits, `remedia run` goes on")),
        ),
        Ending::Temporary { until, text } => (
            Exit::TEMPORARY,
            Some(text.clone()),
            Some(format!("`remedia run` goes on after {until}")),
        ),
        Ending::Credentials { text } => (
            Exit::CREDENTIALS,
            Some(text.clone()),
            Some(format!(
                "`remedia doctor` tells what is missing; then {resume}"
            )),
        ),
        Ending::Deadline => (
            Exit::TEMPORARY,
            Some("the time ran out; the state is saved".to_owned()),
            Some(format!("`remedia run` or {resume}")),
        ),
        Ending::Interrupted => (
            Exit::INTERRUPTED,
            Some("interrupted; the state is saved".to_owned()),
            Some(resume),
        ),
        Ending::Cancelled => (
            Exit::ERROR,
            Some("the job is cancelled".to_owned()),
            Some(resume),
        ),
        Ending::Failed { text } => (Exit::ERROR, Some(text.clone()), Some(resume)),
    };
    Ok(ResultDocument {
        schema_version: RESULT_SCHEMA_VERSION,
        job: job.clone(),
        state: driven.state,
        operations: driven.counts,
        left_out,
        problems,
        beside: listing.beside,
        destination: driven.destination.to_string_lossy().into_owned(),
        problem,
        hint,
        exit_code: exit.code(),
        imported: None,
        exit: Some(exit),
    })
}

/// Whether a file that is left out is one that its owner expects to see delivered.
const fn is_a_loss(code: LeftOutCode) -> bool {
    match code {
        LeftOutCode::SkippedByListingFile | LeftOutCode::Duplicate => false,
        LeftOutCode::UnsupportedFormat
        | LeftOutCode::Damaged
        | LeftOutCode::BeyondLimits
        | LeftOutCode::Unreadable
        | LeftOutCode::Changed
        | LeftOutCode::Refused => true,
    }
}

/// A job that was recorded and left to a later run.
#[derive(Debug, Serialize)]
struct DetachedDocument<'a> {
    schema_version: u32,
    job: &'a JobId,
    state: JobState,
    existing: bool,
    destination: String,
    hint: String,
    exit_code: u8,
}

/// Says that the job is recorded and what does it.
pub(crate) fn detached(context: &Context, submitted: &SubmitOutcome) -> Result<Exit, Failure> {
    let exit = if submitted.state == JobState::Delivered {
        Exit::SUCCESS
    } else {
        Exit::WAITING
    };
    let document = DetachedDocument {
        schema_version: RESULT_SCHEMA_VERSION,
        job: &submitted.job,
        state: submitted.state,
        existing: submitted.existing,
        destination: submitted.destination.to_string_lossy().into_owned(),
        hint: format!(
            "`remedia run --once` or `remedia resume {}` does it",
            submitted.job
        ),
        exit_code: exit.code(),
    };
    let printer = &context.printer;
    printer.either(&document, |document| document.job.to_string())?;
    if printer.form() == Form::Text && exit == Exit::WAITING {
        printer.note(&format!("hint: {}", document.hint));
    }
    Ok(exit)
}
