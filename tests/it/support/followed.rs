//! A command that tells lines while something happens elsewhere, such as `logs --follow`.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The command and what it has told so far.
pub(crate) struct Followed {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    heard: Vec<String>,
}

impl Followed {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            heard: Vec::new(),
        }
    }

    /// Listens until a line has `text` in it, or the command has ended.
    pub(crate) fn until(&mut self, text: &str) {
        for line in &mut self.lines {
            self.heard.push(line.unwrap());
            if self.heard.last().unwrap().contains(text) {
                return;
            }
        }
    }

    /// Everything that was told until the command ended well.
    pub(crate) fn whole(mut self) -> Vec<String> {
        self.heard.extend(self.lines.map(Result::unwrap));
        assert!(self.child.wait().unwrap().success());
        self.heard
    }
}
