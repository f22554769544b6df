//! Reading text that a person made, whatever program it was saved with: UTF-8 with or without a byte order
//! mark, or UTF-16 as Windows tools write it, with any line ends. The rules of byte order marks are those of
//! the Unicode Standard, chapter 23.8.

use std::io::{self, Read};
use std::path::Path;

use super::fs;

/// Bytes that are not text in an encoding that is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// Neither UTF-8 nor marked as anything else.
    #[error(
        "it is not UTF-8 text (line {line} holds other bytes, perhaps of an older Windows encoding); save it as UTF-8"
    )]
    NotUtf8 {
        /// The first line that is wrong, from 1.
        line: usize,
    },
    /// Marked as UTF-16, and cut or damaged.
    #[error("it begins like UTF-16 text and is damaged further on; save it as UTF-8")]
    DamagedUtf16,
    /// Marked as UTF-32, which no editor writes by itself.
    #[error("it is UTF-32 text; save it as UTF-8")]
    Utf32,
}

/// Why a text file was not read. The path is the caller's to name.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// What the file system says.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A folder, pipe, socket or device.
    #[error("it is not a plain file")]
    NotAFile,
    /// More bytes than such a file can have.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// Its bytes are no text.
    #[error(transparent)]
    NotText(#[from] NotText),
}

impl TextError {
    /// Whether the file is simply not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
    }
}

/// Reads a text file of at most `limit` bytes, as [`decode_text`] understands it.
///
/// # Errors
/// [`TextError`]; the message names no path.
pub fn read_text(path: &Path, limit: u64) -> Result<String, TextError> {
    // Looked at before it is opened: a pipe would keep the opening waiting for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(TextError::NotAFile);
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(limit.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(TextError::TooLarge { limit });
    }
    Ok(decode_text(&bytes)?)
}

/// The text in `bytes`: UTF-8, or UTF-16 of either byte order. Byte order marks, and the NUL and Ctrl-Z that
/// some programs end a text with, are left out; every line ends with `\n`.
///
/// # Errors
/// [`NotText`] with what to do.
pub fn decode_text(bytes: &[u8]) -> Result<String, NotText> {
    let text = match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(NotText::Utf32),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        // Without a mark, the zeros of the first ASCII characters tell; UTF-8 text begins with no NUL.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => {
            utf16(bytes, u16::from_le_bytes)?
        }
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => {
            utf16(bytes, u16::from_be_bytes)?
        }
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(error) => {
                let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
                return Err(NotText::NotUtf8 { line });
            }
        },
    };
    let plain = text.trim_start_matches('\u{feff}');
    let end = plain
        .trim_end_matches(|character: char| {
            matches!(character, '\0' | '\u{1a}') || character.is_whitespace()
        })
        .len();
    let (body, tail) = plain.split_at_checked(end).unwrap_or((plain, ""));
    let tail = tail.replace(['\0', '\u{1a}'], "");
    let mut text = String::with_capacity(body.len() + tail.len());
    let mut rest = body.chars().chain(tail.chars()).peekable();
    while let Some(character) = rest.next() {
        if character == '\r' {
            rest.next_if_eq(&'\n');
            text.push('\n');
        } else {
            text.push(character);
        }
    }
    Ok(text)
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Result<String, NotText> {
    let (units, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(NotText::DamagedUtf16);
    }
    char::decode_utf16(units.iter().map(|bytes| unit(*bytes)))
        .collect::<Result<_, _>>()
        .map_err(|_| NotText::DamagedUtf16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn little(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn big(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    proptest! {
        #[test]
        fn every_encoding_gives_the_same_text(text in "[ -~äöüßéЖ中🏠\n]{2,60}") {
            let text = format!("ab{}x", text.trim_end());
            let dos = text.replace('\n', "\r\n");
            for written in [
                text.clone().into_bytes(),
                ["\u{feff}", &text].concat().into_bytes(),
                dos.clone().into_bytes(),
                [&[0xff, 0xfe], little(&dos).as_slice()].concat(),
                [&[0xfe, 0xff], big(&text).as_slice()].concat(),
                little(&text),
                big(&dos),
                [text.as_bytes(), b"\0"].concat(),
                [text.as_bytes(), b"\x1a"].concat(),
            ] {
                prop_assert_eq!(decode_text(&written).unwrap(), text.clone());
            }
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode_text(&bytes);
        }
    }

    #[test]
    fn what_is_no_text_is_said_with_the_line() {
        let latin = decode_text(b"title = \"a\"\naddress = \"K\xf6ln\"\n").unwrap_err();
        assert_eq!(latin, NotText::NotUtf8 { line: 2 });
        assert!(latin.to_string().ends_with("save it as UTF-8"));
        let half = decode_text(&[0xff, 0xfe, b'a']).unwrap_err();
        assert_eq!(half, NotText::DamagedUtf16);
        let alone = decode_text(&[0xff, 0xfe, 0x00, 0xd8, b'a', 0]).unwrap_err();
        assert_eq!(alone, NotText::DamagedUtf16);
        assert_eq!(
            decode_text(&[0xff, 0xfe, 0, 0, b'a', 0, 0, 0]),
            Err(NotText::Utf32)
        );
    }

    #[test]
    fn old_line_ends_and_endings_are_put_right() {
        assert_eq!(decode_text(b"a\rb\r\nc\n\0\0 \x1a").unwrap(), "a\nb\nc\n ");
        assert_eq!(decode_text(b"").unwrap(), "");
        assert_eq!(decode_text(b"\xef\xbb\xbf").unwrap(), "");
    }

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("text");
        assert!(read_text(&path, 3).unwrap_err().is_missing());
        fs_err::write(&path, "abc").unwrap();
        assert_eq!(read_text(&path, 3).unwrap(), "abc");
        assert!(matches!(
            read_text(&path, 2),
            Err(TextError::TooLarge { .. })
        ));
        assert!(matches!(
            read_text(folder.path(), 2),
            Err(TextError::NotAFile)
        ));
    }
}
