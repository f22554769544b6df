//! The documents for people and portals beside the pictures: `captions.csv`, `disclosure.txt` and
//! `disclosure.csv`. All of them are written from the manifest, so they cannot say anything else.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, context};
use serde::Serialize;

use super::disclosure::{MediaAlteration, class_of};
use super::error::DeliverError;
use super::manifest::{DeliveredAs, FileRole, Manifest, ManifestPhoto, ManifestVerdict};
use super::wording;
use crate::domain::enhancement::EnhancementReport;

/// File name of the captions.
pub(super) const CAPTIONS: &str = "captions.csv";
/// File name of the disclosure for people.
pub(super) const DISCLOSURE_TEXT: &str = "disclosure.txt";
/// File name of the disclosure as a table.
pub(super) const DISCLOSURE_TABLE: &str = "disclosure.csv";

/// What stands in the place of [`DISCLOSURE_TEXT`] while a delivery is in progress.
pub(super) const IN_PROGRESS: &str = "\
This delivery is in progress and must not be used yet: its pictures may be of different versions.

If nothing works on it any more, it was interrupted. `remedia run --once`, or the same
`remedia submit` again, completes it; this text is then replaced by the disclosure.
";

const DISCLOSURE_TEMPLATE: &str = include_str!("../../templates/disclosure.txt");

/// What was done to a photo, in plain words.
pub(super) fn what_was_done(photo: &ManifestPhoto) -> Vec<String> {
    let mut done = Vec::new();
    if photo.delivered == DeliveredAs::Original {
        return done;
    }
    for operation in &photo.operations {
        let changed_it = class_of(operation.kind).changes_photo;
        if operation.verdict != ManifestVerdict::Accepted || !changed_it {
            continue;
        }
        if operation.steps.is_empty() {
            done.push(wording::operation_done(operation.kind).to_owned());
        } else {
            done.extend(wording::steps_done(&EnhancementReport {
                steps: operation.steps.clone(),
            }));
        }
    }
    done
}

/// The path of the photo's file with this role.
fn path_of(photo: &ManifestPhoto, role: FileRole) -> &str {
    photo
        .files
        .iter()
        .find(|file| file.role == role)
        .map_or("", |file| file.path.as_str())
}

/// `captions.csv`: one line a photo with its file, RESO `ImageOf`, caption and alt text.
pub(super) fn captions(manifest: &Manifest) -> String {
    let mut table = Table::new(&["file", "image_of", "caption", "alt_text"]);
    for photo in &manifest.photos {
        table.row(&[
            path_of(photo, FileRole::Final),
            photo.room.map_or("", |room| room.name()),
            &photo.caption,
            &photo.alt_text,
        ]);
    }
    table.text
}

/// `disclosure.csv`: one line a photo with the class that each rule book uses.
pub(super) fn disclosure_table(manifest: &Manifest) -> String {
    let mut table = Table::new(&[
        "file",
        "original",
        "original_file",
        "altered",
        "media_alteration",
        "digital_source_type",
        "what_was_done",
        "statement",
    ]);
    for photo in &manifest.photos {
        let alterations: Vec<&str> = photo
            .disclosure
            .media_alteration
            .iter()
            .map(|alteration| MediaAlteration::name(*alteration))
            .collect();
        table.row(&[
            path_of(photo, FileRole::Final),
            path_of(photo, FileRole::OriginalWeb),
            &photo.original_file,
            if photo.disclosure.altered {
                "yes"
            } else {
                "no"
            },
            &alterations.join(", "),
            photo.disclosure.digital_source_type.code(),
            &what_was_done(photo).join(", "),
            &photo.disclosure.statement,
        ]);
    }
    table.text
}

#[derive(Serialize)]
struct DisclosedPhoto<'a> {
    file: &'a str,
    original: &'a str,
    caption: &'a str,
    altered: bool,
    statement: &'a str,
    is_original: bool,
    done: String,
}

/// `disclosure.txt`: the class in plain words, then what was done to each picture.
pub(super) fn disclosure_text(manifest: &Manifest) -> Result<String, DeliverError> {
    let photos: Vec<DisclosedPhoto<'_>> = manifest
        .photos
        .iter()
        .map(|photo| DisclosedPhoto {
            file: path_of(photo, FileRole::Final),
            original: path_of(photo, FileRole::OriginalWeb),
            caption: &photo.caption,
            altered: photo.disclosure.altered,
            statement: &photo.disclosure.statement,
            is_original: photo.delivered == DeliveredAs::Original,
            done: what_was_done(photo).join(", "),
        })
        .collect();
    let altered = photos.iter().filter(|photo| photo.altered).count();
    let originals = photos.iter().filter(|photo| photo.is_original).count();
    let fail = |source: minijinja::Error| DeliverError::Document {
        document: DISCLOSURE_TEXT,
        source: Box::new(source),
    };
    let mut environment = Environment::new();
    environment.set_syntax(documents_syntax().map_err(fail)?);
    environment
        .add_template(DISCLOSURE_TEXT, DISCLOSURE_TEMPLATE)
        .map_err(fail)?;
    environment
        .get_template(DISCLOSURE_TEXT)
        .and_then(|template| {
            template.render(context! {
                title => one_line(&manifest.listing.title),
                address => manifest.listing.address.as_deref().map(one_line),
                generator => manifest.generator.as_str(),
                photos => Value::from(Serde(&photos)),
                altered,
                originals,
            })
        })
        .map_err(fail)
}

/// Templates are laid out in lines: a line that only holds a block leaves nothing behind.
pub(super) fn documents_syntax() -> Result<SyntaxConfig, minijinja::Error> {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()
}

/// A title on one line, whatever was typed.
fn one_line(text: &str) -> String {
    text.split(|character: char| character.is_control() || character.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// A table of comma-separated values (RFC 4180) that a spreadsheet can open without danger. It begins with a
/// byte order mark: without one, Excel takes UTF-8 for the encoding of its own country.
struct Table {
    text: String,
}

impl Table {
    fn new(header: &[&str]) -> Self {
        let mut table = Self {
            text: "\u{feff}".to_owned(),
        };
        table.row(header);
        table
    }

    fn row(&mut self, cells: &[&str]) {
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            // A spreadsheet takes a cell that begins like a formula for one; the apostrophe makes
            // it text again, in full-width form too. Titles and file names come from others.
            let formula = cell.starts_with([
                '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}',
                '\u{ff20}',
            ]);
            let quoted = formula || cell.contains(['"', ',', '\n', '\r']);
            if quoted {
                self.text.push('"');
                if formula {
                    self.text.push('\'');
                }
                self.text.push_str(&cell.replace('"', "\"\""));
                self.text.push('"');
            } else {
                self.text.push_str(cell);
            }
        }
        self.text.push_str("\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let mut table = Table::new(&["a", "b"]);
        table.row(&["say \"hi\", please", "=HYPERLINK(1)"]);
        assert_eq!(
            table.text,
            "\u{feff}a,b\r\n\"say \"\"hi\"\", please\",\"'=HYPERLINK(1)\"\r\n"
        );
    }

    #[test]
    fn titles_stay_on_one_line() {
        assert_eq!(one_line(" Maple\n\tStreet\u{7} 1 "), "Maple Street 1");
    }
}
