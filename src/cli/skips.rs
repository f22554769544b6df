//! What a job leaves undone, in words.

use super::wording::counted;
use crate::domain::plan::{Decision, Plan};

/// What is not done, once for each reason: a drawing that nothing is done to is one line, and so are ten of them.
pub(super) fn lines(plan: &Plan) -> Vec<String> {
    /// The operations that a reason concerns on a picture, and the reason.
    type Why<'a> = (Vec<&'static str>, &'a str);
    let mut all: Vec<(Why<'_>, Vec<(&str, &str)>)> = Vec::new();
    for photo in &plan.photos {
        let mut own: Vec<(Why<'_>, &str)> = Vec::new();
        for operation in &photo.operations {
            let Decision::Skip { reason, hint, .. } = &operation.decision else {
                continue;
            };
            match own.iter_mut().find(|((_, known), _)| known == reason) {
                Some(((kinds, _), _)) => kinds.push(operation.kind.name()),
                None => own.push(((vec![operation.kind.name()], reason), hint)),
            }
        }
        for (why, hint) in own {
            match all.iter_mut().find(|(known, _)| *known == why) {
                Some((_, files)) => files.push((&photo.file, hint)),
                None => all.push((why, vec![(&photo.file, hint)])),
            }
        }
    }
    let line = |((kinds, reason), files): (Why<'_>, Vec<(&str, &str)>)| {
        let kinds = kinds.join(" + ");
        let (file, hint) = files.first()?;
        let which = match files.len() {
            1 => crate::fsx::printable(file),
            more => counted(more as u64, "picture", "pictures"),
        };
        Some(format!(
            "skipped: {kinds} on {which}: {reason} (hint: {hint})"
        ))
    };
    all.into_iter().filter_map(line).collect()
}
