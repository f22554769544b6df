//! Names at Kaggle: one dataset and one kernel for each job, named after it, so that any later process, and
//! the same job on another machine, finds what is there instead of making it twice.

use crate::domain::id::JobId;

/// What every name starts with.
pub(super) const PREFIX: &str = "remedia-";
/// The longest name that Kaggle takes.
const LONGEST: usize = 50;

/// The name, and at the same time the title, of the dataset and the kernel of `job`: 6 to 50 lower-case
/// letters, digits and single hyphens. Kaggle makes a kernel's name from its title, so both are one. A long
/// name loses the end of the listing's part; the job's own digits stay.
pub(super) fn slug(job: &JobId) -> String {
    let mut clean = String::new();
    for character in job.as_str().chars() {
        let plain = character.is_ascii_lowercase() || character.is_ascii_digit();
        if plain {
            clean.push(character);
        } else if !clean.ends_with('-') {
            clean.push('-');
        }
    }
    let clean = clean.trim_matches('-');
    let room = LONGEST - PREFIX.len();
    if clean.len() <= room {
        return format!("{PREFIX}{clean}");
    }
    let parts: Vec<&str> = clean.rsplitn(3, '-').collect();
    // The digits that tell jobs apart, and the number of a job that was made once more.
    let repeated = parts.first().is_some_and(|last| last.len() < 6);
    let kept = if repeated { 2 } else { 1 };
    let mut tail: Vec<&str> = parts.into_iter().take(kept).collect();
    tail.reverse();
    let tail = tail.join("-");
    let head = clean
        .get(..room.saturating_sub(tail.len() + 1))
        .unwrap_or("");
    format!("{PREFIX}{}-{tail}", head.trim_matches('-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_the_jobs_own() {
        for (job, name) in [
            (
                "maple-street-8e3033bfbaaf",
                "remedia-maple-street-8e3033bfbaaf",
            ),
            (
                "maple-street-8e3033bfbaaf-2",
                "remedia-maple-street-8e3033bfbaaf-2",
            ),
            (
                "a-very-long-street-name-in-the-old-town-8e3033bfbaaf",
                "remedia-a-very-long-street-name-in-t-8e3033bfbaaf",
            ),
            (
                "a-very-long-street-name-in-the-old-town-8e3033bfbaaf-12",
                "remedia-a-very-long-street-name-in-8e3033bfbaaf-12",
            ),
        ] {
            assert_eq!(slug(&job.parse().unwrap()), name);
        }
    }

    proptest! {
        #[test]
        fn every_name_is_one_that_kaggle_takes(listing in "[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,3}", number in 2_u32..99) {
            for job in [format!("{listing}-8e3033bfbaaf"), format!("{listing}-8e3033bfbaaf-{number}")] {
                let Ok(job) = job.parse() else { continue };
                let name = slug(&job);
                prop_assert!((6..=50).contains(&name.len()), "{name}");
                prop_assert!(!name.contains("--") && !name.ends_with('-'), "{name}");
                prop_assert!(name.contains("8e3033bfbaaf"), "{name}");
            }
        }
    }
}
