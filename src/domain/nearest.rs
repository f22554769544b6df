//! Finding the name that a person most likely meant.

/// The candidate most similar to `wanted`, or nothing where there is no candidate.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut best: Option<(f64, &'a str)> = None;
    for candidate in candidates {
        let similarity = strsim::jaro_winkler(&candidate.to_lowercase(), &wanted);
        if best.is_none_or(|(highest, _)| similarity > highest) {
            best = Some((similarity, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = ["modern", "minimalist", "mediterranean"];
        assert_eq!(nearest("Modren", names), Some("modern"));
        assert_eq!(nearest("mediteranean", names), Some("mediterranean"));
        assert_eq!(nearest("x", []), None);
    }
}
