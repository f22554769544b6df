//! Names at Kaggle: one dataset and one kernel for each job, named after it, so that any later process, and
//! the same job on another machine, finds what is there instead of making it twice.

use crate::domain::id::JobId;

/// What every name starts with.
pub(super) const PREFIX: &str = "remedia-";
/// The longest name that Kaggle takes.
const LONGEST: usize = 50;

/// The name, and at the same time the title, of the dataset and the kernel of `job`: 6 to 50 lower-case
/// letters, digits and single hyphens. Kaggle makes a kernel's name from its title, so both are one. A long
/// name loses the end of the listing's part; the job's own digits stay. `generation` counts how often what
/// had the name before was deleted: a deleted name cannot be used again.
pub(super) fn slug(job: &JobId, generation: u32) -> String {
    let text = match generation {
        0 => job.to_string(),
        number => format!("{job}-g{number}"),
    };
    let mut clean = String::new();
    for character in text.chars() {
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
    // The digits that tell jobs apart, and the numbers behind them.
    let mut tail = String::new();
    for part in clean.rsplit('-') {
        tail = format!("-{part}{tail}");
        if part.len() >= 6 {
            break;
        }
    }
    let head = clean.get(..room.saturating_sub(tail.len())).unwrap_or("");
    format!("{PREFIX}{}{tail}", head.trim_matches('-'))
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
                "remedia-a-very-long-street-name-in-th-8e3033bfbaaf",
            ),
            (
                "a-very-long-street-name-in-the-old-town-8e3033bfbaaf-12",
                "remedia-a-very-long-street-name-in-8e3033bfbaaf-12",
            ),
        ] {
            assert_eq!(slug(&job.parse().unwrap(), 0), name);
        }
        let job = "maple-street-8e3033bfbaaf-2".parse().unwrap();
        assert_eq!(slug(&job, 3), "remedia-maple-street-8e3033bfbaaf-2-g3");
    }

    proptest! {
        #[test]
        fn every_name_is_one_that_kaggle_takes(listing in "[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,3}", number in 2_u32..99, generation in 0_u32..20) {
            for job in [format!("{listing}-8e3033bfbaaf"), format!("{listing}-8e3033bfbaaf-{number}")] {
                let Ok(job) = job.parse() else { continue };
                let name = slug(&job, generation);
                prop_assert!((6..=50).contains(&name.len()), "{name}");
                prop_assert!(!name.contains("--") && !name.ends_with('-'), "{name}");
                prop_assert!(name.contains("8e3033bfbaaf"), "{name}");
            }
        }
    }
}
