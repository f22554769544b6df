//! From an error to what a person reads and a script gets: heading, causes, hints, exit code.

use std::io;

use super::exit::Exit;

/// An error on its way out, with the exit code that it means and what to do next.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What failed.
    pub error: anyhow::Error,
    /// What to do next: the first is the one command that continues the work.
    pub hints: Vec<String>,
}

impl Failure {
    /// An error with the general exit code.
    #[must_use]
    pub fn new(error: impl Into<anyhow::Error>) -> Self {
        Self {
            exit: Exit::ERROR,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// A wrong command line.
    #[must_use]
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(error).exit(Exit::USAGE)
    }

    /// The same with another exit code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// The same with one more hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Whether the reader of our output went away: `remedia list | head` is no failure.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        self.error.chain().any(|cause| {
            cause
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }

    /// The causes behind the heading, each once.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        let heading = self.error.to_string();
        let mut causes: Vec<String> = Vec::new();
        for cause in self.error.chain().skip(1).map(ToString::to_string) {
            let told = heading.contains(&cause) || causes.iter().any(|known| known.contains(&cause));
            if !told {
                causes.push(cause);
            }
        }
        causes
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}
