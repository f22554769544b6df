//! Reading one value: the same words mean the same in a file, a variable and a flag.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use crate::domain::operation::{OperationRequest, UnknownOperation};

use super::settings::{BracketSetting, LogLevel};

/// A value before it is understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// Text, from anywhere.
    Text(OsString),
    /// A whole number of a file.
    Number(u64),
    /// A number with a fraction of a file.
    Real(f64),
    /// A truth value of a file.
    Switch(bool),
    /// A list of texts of a file.
    List(Vec<String>),
    /// Anything else that a file can hold, by the name of its type.
    Unfit(&'static str),
}

impl Raw {
    pub(super) fn from_toml(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.as_ref().into()),
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix())
                .map_or(Self::Unfit("a number that is not 0 or more"), Self::Number),
            DeValue::Boolean(switch) => Self::Switch(*switch),
            DeValue::Array(array) => {
                let texts = array
                    .iter()
                    .map(|item| item.get_ref().as_str().map(str::to_owned));
                texts
                    .collect::<Option<Vec<_>>>()
                    .map_or(Self::Unfit("a list that holds more than texts"), Self::List)
            }
            DeValue::Float(number) => number
                .as_str()
                .parse()
                .map_or(Self::Unfit("a number with a fraction"), Self::Real),
            DeValue::Datetime(_) => Self::Unfit("a date"),
            DeValue::Table(_) => Self::Unfit("a table"),
        }
    }

    /// The value as it may be shown in a message.
    fn shown(&self) -> String {
        match self {
            Self::Text(text) => format!("`{}`", crate::fsx::printable(&text.to_string_lossy())),
            Self::Number(number) => format!("`{number}`"),
            Self::Real(_) => "a number with a fraction".to_owned(),
            Self::Switch(switch) => format!("`{switch}`"),
            Self::List(_) => "a list".to_owned(),
            Self::Unfit(kind) => (*kind).to_owned(),
        }
    }

    fn is_not(&self, wanted: &str) -> String {
        format!("{} is not {wanted}", self.shown())
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => text.to_str().map(str::trim),
            _ => None,
        }
    }
}

/// A unit's name in lower case and how much it is; the first of each size is the one that is written.
type Units = &'static [(&'static str, u64)];

/// Bytes: decimal units, and binary ones with an `i`.
pub(super) const BYTES: Units = &[
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// Pixels: `MP` for a million.
pub(super) const PIXELS: Units = &[("MP", 1_000_000), ("px", 1)];

/// `200MB` for 200 000 000, and plain digits where no unit divides it.
pub(super) fn format_quantity(value: u64, units: Units) -> String {
    let fits =
        |(_, size): &&(&str, u64)| value >= *size && value.is_multiple_of(*size) && *size > 1;
    match units.iter().take(5).find(fits) {
        Some((name, size)) => format!("{}{name}", value / size),
        None => value.to_string(),
    }
}

pub(super) fn quantity(raw: &Raw, units: Units, low: u64, high: u64) -> Result<u64, String> {
    let example = format_quantity(200_000_000, units);
    let wrong = || {
        raw.is_not(&format!(
            "a size: write a number, or one with a unit such as `{example}`"
        ))
    };
    let value = match raw {
        Raw::Number(number) => *number,
        _ => parse_quantity(raw.text().ok_or_else(wrong)?, units).ok_or_else(wrong)?,
    };
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        let (low, high) = (format_quantity(low, units), format_quantity(high, units));
        Err(format!(
            "{} is out of range; {low} to {high} is allowed",
            raw.shown()
        ))
    }
}

fn parse_quantity(text: &str, units: Units) -> Option<u64> {
    let text = text.replace('_', "");
    let digits = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let size = if unit.is_empty() {
        1
    } else {
        units
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))?
            .1
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(size);
    }
    let product = number.parse::<f64>().ok()? * size as f64;
    // Beyond 2^53 a float no longer counts single bytes; nobody writes such a size with a fraction. The
    // cast keeps what is checked below to be a whole number within that range.
    let whole = product as u64;
    (product.fract() == 0.0 && product < (1_u64 << 53) as f64).then_some(whole)
}

pub(super) fn number<T: TryFrom<u64>>(raw: &Raw, low: u64, high: u64) -> Result<T, String> {
    let wrong = || raw.is_not("a whole number");
    let value = match raw {
        Raw::Number(number) => *number,
        _ => raw
            .text()
            .and_then(|text| text.parse().ok())
            .ok_or_else(wrong)?,
    };
    let fits = (low..=high).contains(&value);
    match T::try_from(value) {
        Ok(number) if fits => Ok(number),
        _ => Err(format!(
            "{value} is out of range; {low} to {high} is allowed"
        )),
    }
}

/// A number that may have a fraction.
pub(super) fn real(raw: &Raw, low: f64, high: f64) -> Result<f64, String> {
    let value = match raw {
        Raw::Real(number) => Some(*number),
        Raw::Number(number) => u32::try_from(*number).ok().map(f64::from),
        _ => raw.text().and_then(|text| text.parse().ok()),
    };
    match value {
        Some(value) if (low..=high).contains(&value) => Ok(value),
        Some(value) => Err(format!(
            "{value} is out of range; {low} to {high} is allowed"
        )),
        None => Err(raw.is_not("a number such as `0.75`")),
    }
}

/// Whether the value is this word.
pub(super) fn is_word(raw: &Raw, word: &str) -> bool {
    raw.text() == Some(word)
}

pub(super) fn switch(raw: &Raw) -> Result<bool, String> {
    let word = match raw {
        Raw::Switch(switch) => return Ok(*switch),
        Raw::Number(0) => "0".to_owned(),
        Raw::Number(1) => "1".to_owned(),
        _ => raw.text().unwrap_or_default().to_lowercase(),
    };
    match word.as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(raw.is_not("`true` or `false`")),
    }
}

/// A path, relative to `base`; in a file `~` means the user's folder, which no shell has put in.
pub(super) fn path(raw: &Raw, base: &Path, user: Option<&Path>) -> Result<PathBuf, String> {
    let Raw::Text(text) = raw else {
        return Err(raw.is_not("a path: put it in quotes"));
    };
    if text.is_empty() {
        return Err("the path is empty".to_owned());
    }
    let path = Path::new(text);
    match (path.strip_prefix("~"), user) {
        (Ok(rest), Some(user)) => Ok(user.join(rest)),
        _ => Ok(base.join(path)),
    }
}

pub(super) fn word(raw: &Raw, wanted: &str) -> Result<String, String> {
    match raw.text() {
        Some(text) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(raw.is_not(wanted)),
    }
}

pub(super) fn operations(raw: &Raw) -> Result<OperationRequest, String> {
    let text = match raw {
        Raw::List(names) => names.join(","),
        _ => word(raw, "`auto`, or a list of operations")?,
    };
    text.parse()
        .map_err(|error: UnknownOperation| error.to_string())
}

/// Names at a service, each of `parts` parts with `/` between them: a list, or a text with commas.
pub(super) fn names(raw: &Raw, parts: usize, form: &str) -> Result<Vec<String>, String> {
    let names: Vec<String> = match raw {
        Raw::List(names) => names.clone(),
        _ => raw
            .text()
            .ok_or_else(|| raw.is_not(&format!("a list of names such as {form}")))?
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect(),
    };
    let is_plain = |part: &str| {
        (1..=100).contains(&part.len())
            && !part.starts_with('.')
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    for name in &names {
        if name.split('/').count() != parts || !name.split('/').all(is_plain) {
            return Err(format!(
                "`{}` is not of the form {form}",
                crate::fsx::printable(name)
            ));
        }
    }
    Ok(names)
}

pub(super) fn brackets(raw: &Raw) -> Result<BracketSetting, String> {
    match raw.text() {
        Some("auto") => Ok(BracketSetting::Auto),
        Some("off") => Ok(BracketSetting::Off),
        _ => number(raw, 2, 9)
            .map(BracketSetting::Every)
            .map_err(|_| raw.is_not("`auto`, `off` or a number of exposures from 2 to 9")),
    }
}

pub(super) fn log_level(raw: &Raw) -> Result<LogLevel, String> {
    let text = word(raw, "a log level")?;
    let found = LogLevel::ALL.iter().find(|level| level.name() == text);
    found
        .copied()
        .ok_or_else(|| raw.is_not("`error`, `warn`, `info`, `debug` or `trace`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(text: &str) -> Result<u64, String> {
        quantity(&Raw::Text(text.into()), BYTES, 1000, 4_000_000_000_000)
    }

    #[test]
    fn sizes_read_with_and_without_units() {
        for (text, value) in [
            ("1000", 1000),
            ("200MB", 200_000_000),
            ("200 mb", 200_000_000),
            ("1.5 GB", 1_500_000_000),
            ("64MiB", 67_108_864),
            ("1_000_000", 1_000_000),
            ("0.5KiB", 512 * 1000),
        ] {
            if text == "0.5KiB" {
                assert!(bytes(text).is_err(), "{text} is below the lowest");
            } else {
                assert_eq!(bytes(text), Ok(value), "{text}");
            }
        }
        for wrong in [
            "",
            "MB",
            "1.2.3MB",
            "-5MB",
            "5 bananas",
            "1e9",
            "99999999999999999999TB",
            "0.3B",
            "nan",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            quantity(&Raw::Text("50MP".into()), PIXELS, 1, 1 << 40),
            Ok(50_000_000)
        );
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in 0_u64..1 << 50) {
            let written = format_quantity(value, BYTES);
            prop_assert_eq!(parse_quantity(&written, BYTES), Some(value));
        }

        #[test]
        fn no_text_breaks_the_reading(text in "\\PC{0,20}") {
            let raw = Raw::Text(text.into());
            let _ = quantity(&raw, BYTES, 0, u64::MAX);
            let _ = (switch(&raw), brackets(&raw), log_level(&raw), operations(&raw), number::<u32>(&raw, 0, 9));
        }
    }

    #[test]
    fn switches_read_the_usual_words() {
        for word in ["true", "Yes", "on", "1"] {
            assert_eq!(switch(&Raw::Text(word.into())), Ok(true));
        }
        assert_eq!(switch(&Raw::Switch(false)), Ok(false));
        assert!(switch(&Raw::Text("maybe".into())).is_err());
        assert!(switch(&Raw::Number(2)).is_err());
    }
}
