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

/// How a file's name misses the one that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissedFile {
    /// The same file under a name that is not read: other capitals, a second extension, a slip.
    Renamed,
    /// Perhaps the same content in another form, such as YAML.
    OtherForm,
}

/// Whether somebody who called a file `name` most likely meant `wanted`, a name in small letters that ends
/// with `.toml`. Backups that editors make are nobody's slip.
#[must_use]
pub fn missed_file(name: &str, wanted: &str) -> Option<MissedFile> {
    if name == wanted {
        return None;
    }
    let stem = wanted.strip_suffix(".toml")?;
    let lower = name.to_lowercase();
    let plain = lower.trim();
    if plain == wanted {
        return Some(MissedFile::Renamed);
    }
    let (before, extension) = plain.rsplit_once('.')?;
    if before == stem && matches!(extension, "yaml" | "yml" | "json" | "ini" | "conf" | "cfg") {
        return Some(MissedFile::OtherForm);
    }
    if before == wanted {
        // What a download, an editor or a hidden extension puts behind.
        let added = [
            "txt", "text", "toml", "rtf", "doc", "docx", "md", "html", "download",
        ];
        return added.contains(&extension).then_some(MissedFile::Renamed);
    }
    let is_toml = extension.bytes().all(|byte| byte.is_ascii_alphabetic())
        && strsim::damerau_levenshtein(extension, "toml") <= 1;
    // `listing (1).toml`, `listing - copy.toml`, `listing-2.toml`.
    let copied = || {
        before.strip_prefix(stem).is_some_and(|rest| {
            let rest = rest.trim_start_matches([' ', '-', '_']);
            let rest = rest.trim_matches(|character: char| matches!(character, '(' | ')' | ' '));
            rest.is_empty() || rest == "copy" || rest.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let slipped = || strsim::damerau_levenshtein(before, stem) <= 1;
    (is_toml && (slipped() || copied())).then_some(MissedFile::Renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_meant_is_told_from_others() {
        use MissedFile::{OtherForm, Renamed};
        for (name, expected) in [
            ("listing.toml", None),
            ("Listing.toml", Some(Renamed)),
            ("listing.TOML", Some(Renamed)),
            ("LISTING.TOML", Some(Renamed)),
            ("listing.toml.txt", Some(Renamed)),
            ("Listing.toml.TXT", Some(Renamed)),
            ("listing.toml.toml", Some(Renamed)),
            ("listing.tml", Some(Renamed)),
            ("listing.tom", Some(Renamed)),
            ("listings.toml", Some(Renamed)),
            ("lisitng.toml", Some(Renamed)),
            ("listing .toml", Some(Renamed)),
            ("listing (1).toml", Some(Renamed)),
            ("listing - Copy.toml", Some(Renamed)),
            ("listing-2.toml", Some(Renamed)),
            ("listing.yaml", Some(OtherForm)),
            ("listing.yml", Some(OtherForm)),
            ("Listing.json", Some(OtherForm)),
            ("listing.toml.bak", None),
            ("listing.toml~", None),
            (".listing.toml.swp", None),
            ("listing.txt", None),
            ("listing.html", None),
            ("listing.jpg", None),
            ("testing.toml", None),
            ("Cargo.toml", None),
            ("listing", None),
        ] {
            assert_eq!(missed_file(name, "listing.toml"), expected, "{name}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_finds_its_name() {
        let names = ["modern", "minimalist", "mediterranean"];
        assert_eq!(nearest("Modren", names), Some("modern"));
        assert_eq!(nearest("mediteranean", names), Some("mediterranean"));
        assert_eq!(nearest("x", []), None);
    }
}
