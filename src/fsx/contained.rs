//! Paths from documents and providers are claims: each is checked before it is joined to a folder.

use std::path::{Component, Path, PathBuf};

/// A relative path that does not stay inside its folder, or is no plain path at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("path `{0}` is refused: {1}")]
pub struct PathRefused(pub String, pub &'static str);

/// Joins `relative` to `root` if it names something inside: no absolute path, no `..`, no drive, no
/// backslash, no control character, no name that Windows reserves.
///
/// # Errors
/// [`PathRefused`] with the rule that it breaks.
pub fn contained(root: &Path, relative: &str) -> Result<PathBuf, PathRefused> {
    let refuse = |rule| Err(PathRefused(printable(relative), rule));
    if relative.is_empty() || relative.len() > 1024 {
        return refuse("its length is not 1 to 1024 bytes");
    }
    if relative.contains('\\') || relative.chars().any(char::is_control) {
        return refuse("it has a backslash or a control character");
    }
    let mut path = root.to_path_buf();
    for component in Path::new(relative).components() {
        match component {
            Component::Normal(name) => {
                let text = name.to_string_lossy();
                if reserved_on_windows(&text) {
                    return refuse("the name is reserved on some systems");
                }
                path.push(name);
            }
            Component::CurDir => {}
            Component::ParentDir => return refuse("it goes up with `..`"),
            Component::RootDir | Component::Prefix(_) => return refuse("it is absolute"),
        }
    }
    if path == root {
        return refuse("it names no file");
    }
    Ok(path)
}

fn reserved_on_windows(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).to_ascii_uppercase();
    name.contains(':')
        || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || (stem.len() == 4
            && (stem.starts_with("COM") || stem.starts_with("LPT"))
            && stem.ends_with(|digit: char| digit.is_ascii_digit()))
}

/// The text with everything escaped that could disturb a terminal, a log line or a table.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|character| {
            let hidden = character.is_control()
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
            let escaped: Vec<char> = if hidden {
                character.escape_default().collect()
            } else {
                vec![character]
            };
            escaped
        })
        .collect()
}

/// Where an absolute path leads, also one of which only the beginning is there.
#[must_use]
pub fn resolved(path: &Path) -> PathBuf {
    let mut real = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
            }
            other => {
                real.push(other);
                real = real.canonicalize().unwrap_or(real);
            }
        }
    }
    real
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_inside_are_joined() {
        let root = Path::new("/root-folder");
        assert_eq!(
            contained(root, "photos/a b.jpg").unwrap(),
            Path::new("/root-folder/photos/a b.jpg")
        );
        for wrong in [
            "",
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a\\b",
            "a\nb",
            ".",
            "c:x",
            "NUL",
            "com1.txt",
        ] {
            assert!(contained(root, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn names_cannot_disturb_a_terminal() {
        assert_eq!(
            printable("a\u{1b}[31mb\nc\u{202e}d"),
            "a\\u{1b}[31mb\\nc\\u{202e}d"
        );
        assert_eq!(printable("Küche 🏠"), "Küche 🏠");
    }
}
