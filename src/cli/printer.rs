//! Who may print where: results go to standard output, everything else to standard error. All
//! printing of the program passes through here.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::exit::Exit;

/// The version of the document that tells an error.
const ERROR_SCHEMA_VERSION: u32 = 1;

/// An error for programs, one line on standard error.
#[derive(Serialize)]
struct ErrorDocument<'a> {
    schema_version: u32,
    error: &'a str,
    causes: &'a [String],
    hints: &'a [String],
    exit_code: u8,
}

/// The form of a command's result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people.
    #[default]
    Text,
    /// One JSON document on standard output.
    Json,
    /// One JSON document a line: the event stream, then the result.
    JsonLines,
}

/// Prints results and messages in the form that the person asked for.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    form: Form,
    quiet: bool,
    verbose: bool,
    progress: bool,
    color: bool,
}

impl Printer {
    /// A printer with these wishes; `no_color` is the value of `NO_COLOR`, set and not empty.
    #[must_use]
    pub(crate) fn new(
        form: Form,
        quiet: bool,
        verbose: bool,
        progress: bool,
        no_color: bool,
    ) -> Self {
        let terminal = io::stderr().is_terminal();
        Self {
            form,
            quiet,
            verbose,
            progress: progress && !quiet,
            color: terminal && !no_color,
        }
    }

    /// The form of results.
    #[must_use]
    pub(crate) const fn form(&self) -> Form {
        self.form
    }

    /// Whether bars may be drawn: standard error is a terminal and nobody refused them.
    #[must_use]
    pub(crate) fn draws_bars(&self) -> bool {
        self.progress && !self.verbose && io::stderr().is_terminal()
    }

    /// Whether every event is told, not only those that a person must know.
    pub(crate) const fn tells_everything(&self) -> bool {
        self.verbose
    }

    /// Whether progress is told at all.
    #[must_use]
    pub(crate) const fn tells_progress(&self) -> bool {
        self.progress
    }

    /// Writes a result for people to standard output, exactly as given.
    pub(crate) fn result(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.is_empty() && !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Writes a result as one JSON document: indented, or on one line in the event stream.
    pub(crate) fn document<T: Serialize>(&self, document: &T) -> io::Result<()> {
        let text = match self.form {
            Form::JsonLines => serde_json::to_string(document),
            Form::Json | Form::Text => serde_json::to_string_pretty(document),
        };
        self.result(&text.map_err(io::Error::other)?)
    }

    /// Writes the result in the form asked for: `document` as JSON, or what `text` makes of it.
    pub(crate) fn either<T: Serialize>(
        &self,
        document: &T,
        text: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        match self.form {
            Form::Text => self.result(&text(document)),
            Form::Json | Form::JsonLines => self.document(document),
        }
    }

    /// Tells something on standard error; a lost terminal is no failure of the work.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Tells an error: its heading, every cause, and what to do next. Never silenced.
    pub(crate) fn failure(&self, exit: Exit, heading: &str, causes: &[String], hints: &[String]) {
        if self.form != Form::Text {
            let document = ErrorDocument {
                schema_version: ERROR_SCHEMA_VERSION,
                error: heading,
                causes,
                hints,
                exit_code: exit.code(),
            };
            if let Ok(text) = serde_json::to_string(&document) {
                let _ = writeln!(io::stderr().lock(), "{text}");
            }
            return;
        }
        let (bold, plain) = if self.color {
            ("\u{1b}[1;31m", "\u{1b}[0m")
        } else {
            ("", "")
        };
        let mut text = format!("{bold}error{plain}: {heading}\n");
        for cause in causes {
            text.push_str(&format!("  caused by: {cause}\n"));
        }
        for hint in hints {
            text.push_str(&format!("hint: {hint}\n"));
        }
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
