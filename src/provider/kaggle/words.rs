//! What a failed session is told as: what Kaggle says, what that means, the last lines of its log, and where
//! to look.

use crate::fsx::printable;
use crate::kaggle::{KernelSession, KernelStatus, LogEvent};

/// Lines of the log that are told.
const LINES: usize = 8;
/// Characters of each.
const WIDTH: usize = 160;
/// What the worker's own word of why it stopped begins with.
const STOPS: &str = "remedia stops (";
/// The causes for which it stops before it writes results.
const WITHOUT_RESULTS: &[&str] = &[
    "nothing_found",
    "wrong_run",
    "incomplete",
    "hash_mismatch",
    "no_gpu",
    "unsafe_archive",
];
/// Characters of it.
const LONGEST_WORD: usize = 400;

/// Why a session gave nothing.
pub(super) fn failure(session: &KernelSession, log: &[LogEvent], page: &str) -> String {
    let mut text = match session.status {
        KernelStatus::CancelAcknowledged => {
            "the session was stopped: by its time limit, by the end of the week's GPU hours, or by hand on the website"
                .to_owned()
        }
        status => format!("the session ended with {}", status.name()),
    };
    if !session.failure.is_empty() {
        text.push_str(": ");
        text.push_str(&printable(&session.failure));
    }
    let whole = plain(log);
    let lines: Vec<&str> = whole.lines().map(str::trim).collect();
    if let Some(word) = own_word(&lines) {
        text.push_str("; ");
        text.push_str(&word);
    } else {
        let last = last_lines(&lines);
        if !last.is_empty() {
            text.push_str("; the last it said: ");
            text.push_str(&last.join(" / "));
        }
    }
    text.push_str("; see ");
    text.push_str(page);
    text
}

/// Whether the worker stopped, by its own word, before it writes any results.
pub(super) fn leaves_nothing(log: &[LogEvent]) -> bool {
    let whole = plain(log);
    let lines: Vec<&str> = whole.lines().map(str::trim).collect();
    own_word(&lines).is_some_and(|word| {
        let code = word
            .strip_prefix(STOPS)
            .and_then(|rest| rest.split(')').next());
        code.is_some_and(|code| WITHOUT_RESULTS.contains(&code))
    })
}

/// A log as one text. A notebook's traceback is full of colours.
fn plain(log: &[LogEvent]) -> String {
    let whole: String = log.iter().map(|event| event.text.as_str()).collect();
    console::strip_ansi_codes(&whole).into_owned()
}

/// Why the worker stopped by its own word, which says more than the lines around it: those of a notebook are
/// the program's text.
fn own_word(lines: &[&str]) -> Option<String> {
    // The program's text has the same words, in quotes.
    let word = lines.iter().rev().find_map(|line| {
        let (before, word) = line.split_once(STOPS)?;
        (!before.contains('"')).then(|| format!("{STOPS}{word}"))
    })?;
    Some(printable(&word).chars().take(LONGEST_WORD).collect())
}

/// The last lines that a session wrote, fit for a terminal.
fn last_lines(lines: &[&str]) -> Vec<String> {
    let lines: Vec<&str> = lines
        .iter()
        .copied()
        // Progress for programs tells people nothing.
        .filter(|line| !line.is_empty() && !line.starts_with("{\"remedia\""))
        .collect();
    lines
        .iter()
        .skip(lines.len().saturating_sub(LINES))
        .map(|line| {
            let shown: String = printable(line).chars().take(WIDTH).collect();
            shown
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_the_last_words_and_the_place_are_told() {
        let session = KernelSession {
            status: KernelStatus::Error,
            failure: "Your notebook tried to allocate more memory than is available.".to_owned(),
        };
        let log = [
            "loading\n{\"remedia\": {}}\n",
            "CUDA out of \u{1b}[31mmemory\n",
        ]
        .map(|text| LogEvent {
            stream: "stdout".to_owned(),
            seconds: 1.0,
            text: text.to_owned(),
        });
        insta::assert_snapshot!(
            failure(&session, &log, "https://www.kaggle.com/code/a/b"),
            @"the session ended with ERROR: Your notebook tried to allocate more memory than is available.; the last it said: loading / CUDA out of memory; see https://www.kaggle.com/code/a/b"
        );
    }

    #[test]
    fn the_workers_own_word_goes_before_the_program_text_of_a_notebook() {
        let session = KernelSession {
            status: KernelStatus::Error,
            failure: String::new(),
        };
        let log = [LogEvent {
            stream: "stderr".to_owned(),
            seconds: 1.0,
            text: "\u{1b}[31m---> 45\u{1b}[39m raise RuntimeError(f\"remedia stops (wrong_run): {text}\")\n\
                   \u{1b}[31mRuntimeError\u{1b}[39m: remedia stops (wrong_run): run a-r1 is not here\n\n"
                .to_owned(),
        }];
        insta::assert_snapshot!(
            failure(&session, &log, "https://www.kaggle.com/code/a/b"),
            @"the session ended with ERROR; remedia stops (wrong_run): run a-r1 is not here; see https://www.kaggle.com/code/a/b"
        );
        assert!(leaves_nothing(&log));
        let later = log.map(|event| LogEvent {
            text: event.text.replace("wrong_run", "workers_died"),
            ..event
        });
        assert!(!leaves_nothing(&later));
    }
}
