//! What a failed session is told as: what Kaggle says, what that means, the last lines of its log, and where
//! to look.

use crate::fsx::printable;
use crate::kaggle::{KernelSession, KernelStatus, LogEvent};

/// Lines of the log that are told.
const LINES: usize = 8;
/// Characters of each.
const WIDTH: usize = 160;

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
    let last = last_lines(log);
    if !last.is_empty() {
        text.push_str("; the last it said: ");
        text.push_str(&last.join(" / "));
    }
    text.push_str("; see ");
    text.push_str(page);
    text
}

/// The last lines that a session wrote, fit for a terminal.
fn last_lines(log: &[LogEvent]) -> Vec<String> {
    let whole: String = log.iter().map(|event| event.text.as_str()).collect();
    let lines: Vec<&str> = whole
        .lines()
        .map(str::trim)
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
            @r"the session ended with ERROR: Your notebook tried to allocate more memory than is available.; the last it said: loading / CUDA out of \u{1b}[31mmemory; see https://www.kaggle.com/code/a/b"
        );
    }
}
