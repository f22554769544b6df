//! Events in words, as lines for a terminal or a log.

use crate::domain::event::{Event, EventKind, Request, Stage};
use crate::fsx::printable;

use super::wording::{counted, texts};

/// The name of a stage for people.
pub(crate) const fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Enhance => "enhancing",
        Stage::Send => "sending",
        Stage::Remote => "remote",
        Stage::Validate => "checking",
        Stage::Deliver => "delivering",
    }
}

/// Whether a person should see the event even while bars are drawn.
pub(crate) const fn is_notable(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::AttemptFailed { .. }
            | EventKind::Rejected { .. }
            | EventKind::ReviewNeeded { .. }
            | EventKind::OperationGaveUp { .. }
            | EventKind::Fault { .. }
            | EventKind::Found { .. }
            | EventKind::OperatorNeeded { .. }
            | EventKind::Failed { .. }
            | EventKind::Warning { .. }
    )
}

/// An event as one dated line.
pub(crate) fn event_line(event: &Event, file: Option<&str>) -> String {
    format!("{} {} {}\n", event.at, event.job, event_text(event, file))
}

/// An event in words; `file` is the photo's file, where it is known.
pub(crate) fn event_text(event: &Event, file: Option<&str>) -> String {
    let photo = match (&event.photo, file) {
        (Some(_), Some(file)) => format!("{}: ", printable(file)),
        (Some(photo), None) => format!("photo {}: ", photo.short()),
        (None, _) => String::new(),
    };
    format!("{photo}{}", kind_text(&event.kind))
}

fn kind_text(kind: &EventKind) -> String {
    match kind {
        EventKind::Created {
            photos,
            operations,
            skipped,
        } => format!("created: {photos} pictures, {operations} operations, {skipped} skipped"),
        EventKind::OperationSkipped {
            operation, reason, ..
        } => format!("{operation} skipped: {reason}"),
        EventKind::StateChanged { from, to } => format!("{from} → {to}"),
        EventKind::Ordered {
            run_id,
            executor,
            photos,
            ..
        } => format!(
            "order {run_id} for {executor}: {}",
            counted(u64::from(*photos), "picture", "pictures")
        ),
        EventKind::Found { run_id } => format!("order {run_id} had arrived; it is not sent again"),
        EventKind::Progress {
            stage: name,
            done,
            total,
        } => format!("{} {done}/{total}", stage(*name)),
        EventKind::AttemptProduced {
            operation,
            number,
            seconds,
        } => match seconds {
            Some(seconds) => format!("{operation}, attempt {number}: made in {seconds:.1} s"),
            None => format!("{operation}, attempt {number}: made"),
        },
        EventKind::AttemptFailed {
            operation,
            number,
            reason,
        } => format!("{operation}, attempt {number} failed: {}", reason.text),
        EventKind::Accepted { operation, number } => {
            format!("{operation}, attempt {number}: accepted")
        }
        EventKind::Rejected {
            operation,
            number,
            reasons,
        } => format!("{operation}, attempt {number} rejected: {}", texts(reasons)),
        EventKind::ReviewNeeded {
            operation,
            number,
            reasons,
        } => format!(
            "{operation}, attempt {number} needs a person's eye: {}",
            texts(reasons)
        ),
        EventKind::VersionChosen {
            operation,
            version,
            attempt,
            cause,
        } => match attempt {
            Some(attempt) => format!(
                "{operation}: version {version} is attempt {attempt}, {}",
                cause.name()
            ),
            None => format!("{operation}: version {version} is the picture without it"),
        },
        EventKind::OperationGaveUp { operation, reasons } => format!(
            "{operation} given up, the picture goes without it: {}",
            texts(reasons)
        ),
        EventKind::Fault {
            executor,
            text,
            again_at,
        } => match again_at {
            Some(moment) => format!("{executor}: {text}; tried again at {moment}"),
            None => format!("{executor}: {text}"),
        },
        EventKind::OperatorNeeded { instruction } => format!("waiting for a person: {instruction}"),
        EventKind::Requested { request } => format!("{} requested", request_name(*request)),
        EventKind::Delivered { folder, files } => format!("delivered {folder}: {files} files"),
        EventKind::Failed { reason } => format!("failed: {reason}"),
        EventKind::Warning { text } => format!("warning: {text}"),
    }
}

const fn request_name(request: Request) -> &'static str {
    match request {
        Request::Retry => "retry",
        Request::Resume => "resume",
        Request::Cancel => "cancel",
        Request::Approve => "approve",
        Request::Reject => "reject",
        Request::Deliver => "deliver",
        Request::Revert => "revert",
    }
}
