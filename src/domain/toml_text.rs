//! What went wrong in a TOML text, in words that name the line, the key and the name that was most
//! likely meant.

use super::nearest::nearest;

/// The line of `text` (1 for the first) in which the byte at `offset` lies.
#[must_use]
pub fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

/// A message such as ``line 12: `strenght` is not known here; nearest is `strength` ``.
#[must_use]
pub fn explain(text: &str, error: &toml::de::Error) -> String {
    let message = error.message();
    let message = unknown_name(message).unwrap_or_else(|| in_plain_words(message));
    let Some(span) = error.span() else {
        return message;
    };
    let line = line_at(text, span.start);
    match assigned_key(text, span.start) {
        Some(key) if !message.contains(&format!("`{key}`")) => {
            format!("line {line}, at `{key}`: {message}")
        }
        _ => format!("line {line}: {message}"),
    }
}

/// The key whose value starts at `offset`.
fn assigned_key(text: &str, offset: usize) -> Option<&str> {
    let line = text.get(..offset)?.lines().next_back()?;
    let before = line.trim_end().strip_suffix('=')?.trim_end();
    before
        .rsplit(|character: char| character.is_whitespace() || matches!(character, '{' | ','))
        .next()
        .filter(|key| !key.is_empty())
}

/// serde lists every name it would have taken, which buries the one that was meant.
fn unknown_name(message: &str) -> Option<String> {
    let rest = message
        .strip_prefix("unknown field `")
        .or_else(|| message.strip_prefix("unknown variant `"))?;
    let (wanted, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2);
    Some(match nearest(wanted, known) {
        Some(name) => format!("`{wanted}` is not known here; nearest is `{name}`"),
        None => format!("`{wanted}` is not known here"),
    })
}

/// On one line, and without the names that Rust gives to numbers.
fn in_plain_words(message: &str) -> String {
    let mut message = message.lines().collect::<Vec<_>>().join(", ");
    for (rust, plain) in [
        ("f64", "a number"),
        ("i32", "a whole number"),
        ("u32", "a whole number of 0 or more"),
        ("u64", "a whole number of 0 or more"),
    ] {
        if let Some(start) = message.strip_suffix(&format!("expected {rust}")) {
            message = format!("{start}expected {plain}");
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::style::{Staging, Style};

    fn message<T: serde::de::DeserializeOwned>(text: &str) -> String {
        explain(text, &toml::from_str::<T>(text).err().unwrap())
    }

    #[test]
    fn the_line_the_key_and_the_nearest_name_are_named() {
        insta::assert_snapshot!(message::<Style>("schema_version = 1\nnmae = \"x\"\n"), @"line 2: `nmae` is not known here; nearest is `name`");
        insta::assert_snapshot!(message::<Style>("schema_version = 1\n[staging]\nscheduler = \"DDIM\"\n"), @"line 3, at `scheduler`: `DDIM` is not known here; nearest is `DDIMScheduler`");
        insta::assert_snapshot!(message::<Style>("[rooms.\"Livingroom\"]\nprompt = \"x\"\n"), @"line 1: `Livingroom` is not known here; nearest is `Living Room`");
        insta::assert_snapshot!(message::<Staging>("prompt = \"x\"\nstrength = \"high\"\n"), @r#"line 2, at `strength`: invalid type: string "high", expected a number"#);
        insta::assert_snapshot!(message::<Staging>("prompt = \"x\"\n"), @"line 1: missing field `strength`");
        insta::assert_snapshot!(message::<Style>("name = \n"), @"line 1, at `name`: string values must be quoted, expected literal string");
        insta::assert_snapshot!(message::<Style>("palette = [\n  { name = \"white\", hex = \"white\" },\n]\n"), @"line 2, at `hex`: `white` is not a colour: write `#` and six hexadecimal digits, such as `#F4F1EB`");
    }
}
