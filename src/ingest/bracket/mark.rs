//! Exposure brackets in file names: `kitchen_EV-2.jpg`, `IMG_1_bracket+0.jpg`, `hall (+1.3EV).jpg`,
//! `bath_under.jpg`, `HDR 1/2/3`.

/// What a name says about its exposure.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exposure {
    /// What is left of the name: photos of one bracket share it.
    pub(super) view: String,
    pub(super) mark: Mark,
}

/// How an exposure is marked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Mark {
    /// In EV.
    Value(f64),
    /// By a word for darker (-1), middle (0) or brighter (1).
    Word(i8),
    /// By a bare sign and number; only a bracket where both signs occur.
    Signed(f64),
    /// By a bare 0, which says something only beside signed ones.
    Zero,
    /// By a number in a series, which says nothing about light.
    Number(u32),
}

const DARK: &[&str] = &["under", "underexposed", "dark", "minus"];
const MIDDLE: &[&str] = &["normal", "mid", "middle", "base"];
const BRIGHT: &[&str] = &["over", "overexposed", "bright", "plus"];

/// Reads the exposure at the end of a file name; `None` where there is none.
pub(super) fn read(file: &str) -> Option<Exposure> {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let lower = stem.to_lowercase();
    let trimmed = lower.trim_end_matches([')', ']', ' ']);
    let found = |view: &str, mark| {
        let view = view.trim_end_matches([' ', '_', '-', '(', '[', '.', ',']);
        (!view.is_empty() && !view.ends_with('/')).then(|| Exposure {
            view: view.to_owned(),
            mark,
        })
    };
    // `…-2EV`, `…+1.3ev`.
    if let Some(before) = trimmed.strip_suffix("ev")
        && let Some((view, value, _)) = trailing_number(before.trim_end())
    {
        return found(view, Mark::Value(value));
    }
    // `…EV-2`, `…_bracket+0`.
    if let Some((before, value, signed)) = trailing_number(trimmed) {
        let word = before.trim_end_matches([' ', '_', '=']);
        for name in ["ev", "bracket", "brkt", "exp", "exposure"] {
            if let Some(view) = word.strip_suffix(name)
                && ends_word(view)
            {
                let mark = if signed || name == "ev" || value == 0.0 {
                    Mark::Value(value)
                } else {
                    Mark::Number(value as u32)
                };
                return found(view, mark);
            }
        }
        let word = before.trim_end_matches([' ', '_', '-', '#']);
        for name in ["hdr", "aeb"] {
            if let Some(view) = word.strip_suffix(name)
                && ends_word(view)
                && value.abs() <= 15.0
            {
                return found(view, Mark::Number(value.abs() as u32));
            }
        }
        let apart = before.ends_with([' ', '_', '(', '[']);
        if !signed && value == 0.0 && (apart || before.ends_with(char::is_alphabetic)) {
            return found(before, Mark::Zero);
        }
        // `hall_minus2`, `hall_m2`: letters in place of signs, which many tools do not allow in names.
        for (words, factor) in [(&["minus", "m", "n"][..], -1.0), (&["plus", "p"], 1.0)] {
            let sign = words
                .iter()
                .find_map(|word| before.trim_end_matches(' ').strip_suffix(word));
            if let Some(view) = sign
                && !signed
                && view.ends_with([' ', '_', '-', '('])
                && (0.2..=6.0).contains(&value)
            {
                return found(view, Mark::Signed(factor * value));
            }
        }
        if signed && value.abs() <= 6.0 {
            return found(before, Mark::Signed(value));
        }
        return None;
    }
    for (words, direction) in [(DARK, -1), (MIDDLE, 0), (BRIGHT, 1)] {
        for word in words {
            if let Some(view) = trimmed.strip_suffix(word)
                && !view.is_empty()
                && ends_word(view)
            {
                return found(view, Mark::Word(direction));
            }
        }
    }
    None
}

/// A name without mark, as the view of those that have one: `Hall.JPG` is `hall`.
pub(super) fn plain(file: &str) -> String {
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    stem.to_lowercase()
        .trim_end_matches([' ', '_', '-', '(', '[', '.', ','])
        .to_owned()
}

/// Whether a word can begin behind this text.
fn ends_word(text: &str) -> bool {
    !text.ends_with(char::is_alphabetic)
}

/// Splits off a number at the end, with its sign: the text before, the value, whether it has a
/// sign. `1_3` and `1,3` are not read as fractions: cameras and tools write `1.3`.
fn trailing_number(text: &str) -> Option<(&str, f64, bool)> {
    let start = text
        .char_indices()
        .rev()
        .take_while(|(_, character)| character.is_ascii_digit() || *character == '.')
        .last()?
        .0;
    let (before, number) = (text.get(..start)?, text.get(start..)?);
    let value: f64 = number.parse().ok()?;
    if number.len() > 4 || value > 20.0 {
        return None;
    }
    for (sign, factor) in [('+', 1.0), ('-', -1.0), ('\u{2212}', -1.0), ('±', 1.0)] {
        if let Some(before) = before.strip_suffix(sign) {
            return Some((before, factor * value, true));
        }
    }
    Some((before, value, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_in_names() {
        for (name, expected) in [
            (
                "01-living-a_bracket-2.jpg",
                Some(("01-living-a", Mark::Value(-2.0))),
            ),
            (
                "01-living-a_bracket+0.jpg",
                Some(("01-living-a", Mark::Value(0.0))),
            ),
            ("Kitchen_EV+2.jpg", Some(("kitchen", Mark::Value(2.0)))),
            ("kitchen -2EV.jpg", Some(("kitchen", Mark::Value(-2.0)))),
            ("kitchen (+1.3 EV).jpg", Some(("kitchen", Mark::Value(1.3)))),
            ("kitchen_0EV.jpg", Some(("kitchen", Mark::Value(0.0)))),
            ("hall_ev0.jpg", Some(("hall", Mark::Value(0.0)))),
            ("hall_under.jpg", Some(("hall", Mark::Word(-1)))),
            ("hall-normal.jpg", Some(("hall", Mark::Word(0)))),
            ("hall bright.jpg", Some(("hall", Mark::Word(1)))),
            ("bath_+2.jpg", Some(("bath", Mark::Signed(2.0)))),
            ("bath_-2.jpg", Some(("bath", Mark::Signed(-2.0)))),
            ("view HDR 3.jpg", Some(("view", Mark::Number(3)))),
            ("view_aeb2.jpg", Some(("view", Mark::Number(2)))),
            ("view_bracket2.jpg", Some(("view", Mark::Number(2)))),
            ("bath_0.jpg", Some(("bath", Mark::Zero))),
            ("bath (0.0).jpg", Some(("bath", Mark::Zero))),
            ("DSC02122 (+2.0).JPG", Some(("dsc02122", Mark::Signed(2.0)))),
            ("bath_m2.jpg", Some(("bath", Mark::Signed(-2.0)))),
            ("bath_plus1.3.jpg", Some(("bath", Mark::Signed(1.3)))),
            // One sign alone makes no bracket of it.
            ("kitchen-2.jpg", Some(("kitchen", Mark::Signed(-2.0)))),
            ("room2.jpg", None),
            ("01-living-a.jpg", None),
            ("IMG_0012.jpg", None),
            ("riverover.jpg", None),
            ("EV+2.jpg", None),
            ("hdr.jpg", None),
            ("", None),
        ] {
            let read = read(name);
            let short = read.as_ref().map(|read| (read.view.as_str(), read.mark));
            assert_eq!(short, expected, "{name}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_read_without_panic(name in "\\PC{0,24}(ev|hdr|_|-|\\+)?[0-9.]{0,6}(EV)?") {
            if let Some(exposure) = read(&name) {
                proptest::prop_assert!(!exposure.view.is_empty());
            }
            let _ = crate::ingest::room_from_name(&name);
            let _ = crate::ingest::group_from_name(&name);
        }
    }
}
