//! Seeds: the same job asks for the same random numbers on every machine, and no two attempts of an
//! operation share one.

use crate::domain::id::PhotoId;
use crate::domain::operation::OperationKind;

/// The seed of attempt `number` (1 to 255) of `kind` on `photo`, from the job's seed. The lowest eight
/// bits are the attempt's number, so attempts differ by construction; the other 45 come from blake3. It is at most
/// [`LARGEST_SEED`](crate::domain::plan::LARGEST_SEED).
#[must_use]
pub fn attempt_seed(job_seed: u64, photo: &PhotoId, kind: OperationKind, number: u32) -> u64 {
    let mut hasher = blake3::Hasher::new_derive_key("remedia 2026 attempt seed");
    hasher.update(&job_seed.to_le_bytes());
    hasher.update(photo.as_str().as_bytes());
    hasher.update(kind.name().as_bytes());
    hasher.update(&number.to_le_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    let random = u64::from_le_bytes(bytes) >> 11;
    (random & !0xff) | u64::from(number & 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::LARGEST_SEED;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn photo(content: &str) -> PhotoId {
        PhotoId::from_digest(&blake3::hash(content.as_bytes()))
    }

    #[test]
    fn a_seed_is_the_same_for_ever() {
        let seed = attempt_seed(0, &photo("kitchen"), OperationKind::Stage, 1);
        insta::assert_snapshot!(seed, @"1509674393239553");
    }

    proptest! {
        #[test]
        fn seeds_are_exact_in_json_and_differ(job_seed: u64, content in ".{0,8}") {
            let photo = photo(&content);
            let mut seen = BTreeSet::new();
            for &kind in OperationKind::ALL {
                for number in 1..=20 {
                    let seed = attempt_seed(job_seed, &photo, kind, number);
                    prop_assert!(seed <= LARGEST_SEED);
                    prop_assert_eq!(seed as f64 as u64, seed);
                    seen.insert(seed);
                }
            }
            prop_assert_eq!(seen.len(), 20 * OperationKind::ALL.len());
        }
    }
}
