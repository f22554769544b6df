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
    let message = unknown_name(error.message())
        .unwrap_or_else(|| error.message().lines().collect::<Vec<_>>().join(", "));
    let Some(span) = error.span() else {
        return message;
    };
    let line = line_at(text, span.start);
    let source = text.lines().nth(line - 1).unwrap_or_default().trim();
    let key = source
        .split_once('=')
        .map_or(source, |(key, _)| key.trim_end());
    // An error of a whole table is reported at its heading or first line; a missing key is then named
    // by the message itself.
    if key.is_empty() || message.contains(&format!("`{key}`")) {
        format!("line {line}: {message}")
    } else {
        format!("line {line}, at `{key}`: {message}")
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::style::{Staging, Style};

    fn message<T: serde::de::DeserializeOwned>(text: &str) -> String {
        explain(text, &toml::from_str::<T>(text).err().unwrap())
    }

    #[test]
    fn the_line_the_key_and_the_nearest_name_are_named() {
        insta::assert_snapshot!(message::<Style>("schema_version = 1\nnmae = \"x\"\n"), @"");
        insta::assert_snapshot!(message::<Style>("schema_version = 1\n[staging]\nscheduler = \"DDIM\"\n"), @"");
        insta::assert_snapshot!(message::<Style>("[rooms.\"Livingroom\"]\nprompt = \"x\"\n"), @"");
        insta::assert_snapshot!(message::<Staging>("prompt = \"x\"\nstrength = \"high\"\n"), @"");
        insta::assert_snapshot!(message::<Staging>("prompt = \"x\"\n"), @"");
        insta::assert_snapshot!(message::<Style>("name = \n"), @"");
        insta::assert_snapshot!(message::<Style>("palette = [\n  { name = \"white\", hex = \"white\" },\n]\n"), @"");
    }
}
