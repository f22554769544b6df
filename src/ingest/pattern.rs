//! Patterns from the command line, such as `IMG_00*`.

/// Whether a pattern from the command line fits a file: its path, its name or its name without
/// extension, in any case, with `*` for any text and `?` for one character.
pub(super) fn fits(pattern: &str, file: &str) -> bool {
    let pattern: Vec<char> = pattern.to_lowercase().chars().collect();
    let name = file.rsplit('/').next().unwrap_or(file);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    [file, name, stem].iter().any(|text| {
        let text: Vec<char> = text.to_lowercase().chars().collect();
        matches_wildcards(&pattern, &text)
    })
}

fn matches_wildcards(pattern: &[char], text: &[char]) -> bool {
    let (mut at_pattern, mut at_text) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                retry = Some((at_pattern + 1, at_text));
                at_pattern += 1;
            }
            Some(&character) if character == '?' || Some(&character) == text.get(at_text) => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match retry {
                Some((after_star, start)) => {
                    retry = Some((after_star, start + 1));
                    at_pattern = after_star;
                    at_text = start + 1;
                }
                None => return false,
            },
        }
    }
    pattern
        .iter()
        .skip(at_pattern)
        .all(|&character| character == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_stems_and_paths() {
        for (pattern, file, expected) in [
            ("IMG_1.jpg", "img_1.JPG", true),
            ("img_1", "IMG_1.jpg", true),
            ("img_*", "a/IMG_12.jpg", true),
            ("a/*", "a/IMG_12.jpg", true),
            ("img_?", "IMG_12.jpg", false),
            ("*12*", "IMG_12.jpg", true),
            ("img", "IMG_12.jpg", false),
            ("*a*b*c", "xaybzc.jpg", true),
            ("*a*b*c", "xaybz.jpg", false),
        ] {
            assert_eq!(fits(pattern, file), expected, "{pattern} {file}");
        }
    }
}
