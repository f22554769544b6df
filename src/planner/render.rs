//! A plan as text for a terminal: a table of the pictures, then everything that is not done, once for
//! each reason.

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::listing::{BracketEvidence, LeftOutCode, Listing, RoomOrigin};
use crate::domain::operation::OperationKind;
use crate::domain::plan::{Decision, Plan, PlannedPhoto, SkipCode};
use crate::fsx::printable;

/// Narrower than this no table is readable; the text then runs over the edge.
const NARROWEST: usize = 60;
/// Wider than this the eye loses the line.
const WIDEST: usize = 140;

/// The plan as text of at most `columns` columns, without colour, ending in a line break.
#[must_use]
pub fn render(plan: &Plan, listing: &Listing, columns: usize) -> String {
    let columns = columns.clamp(NARROWEST, WIDEST);
    let mut text = String::new();
    heading(&mut text, plan, listing, columns);
    table(&mut text, plan, listing, columns);
    brackets(&mut text, plan, listing, columns);
    skipped(&mut text, plan, columns);
    left_out(&mut text, listing, columns);
    let _ = writeln!(
        text,
        "\nestimated time: {}",
        duration(plan.estimated_seconds)
    );
    text
}

fn heading(text: &mut String, plan: &Plan, listing: &Listing, columns: usize) {
    paragraph(text, "", &printable(&listing.title), columns);
    if let Some(address) = &listing.address {
        paragraph(text, "", &printable(address), columns);
    }
    let fused: usize = plan.photos.iter().map(|photo| photo.sources.len()).sum();
    let pictures = counted(plan.photos.len(), "picture", "pictures");
    let photos = counted(fused, "photo", "photos");
    let facts = format!(
        "style {}, provider {}, {pictures} from {photos}, engine {}",
        plan.style.name, plan.provider, plan.engine_version
    );
    paragraph(text, "", &facts, columns);
}

fn table(text: &mut String, plan: &Plan, listing: &Listing, columns: usize) {
    let mut rows = vec![[
        "#".to_owned(),
        "photo".to_owned(),
        "room".to_owned(),
        "size".to_owned(),
        "what is done".to_owned(),
    ]];
    for (photo, number) in plan.photos.iter().zip(1_usize..) {
        rows.push([
            number.to_string(),
            printable(&photo.file),
            room(photo, listing),
            format!("{} × {}", photo.width, photo.height),
            done(photo),
        ]);
    }
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    // What does not fit is taken from the file names first; they stay recognisable longest.
    let gaps = 2 * (widths.len() - 1);
    let [number, mut photo, room, size, mut work] = widths;
    let fixed = number + room + size + gaps;
    let over = (fixed + photo + work).saturating_sub(columns);
    let shortened = over.min(photo.saturating_sub(16));
    photo -= shortened;
    work = work.saturating_sub(over - shortened).max(12);
    text.push('\n');
    for row in &rows {
        let mut line = String::new();
        for ((cell, width), index) in row.iter().zip([number, photo, room, size, work]).zip(0..) {
            let cell = fitted(cell, width);
            let space = " ".repeat(width.saturating_sub(cell.width()));
            let gap = if index == 0 { "" } else { "  " };
            let right = index == 0 || index == 3;
            let _ = match right {
                true => write!(line, "{gap}{space}{cell}"),
                false => write!(line, "{gap}{cell}{space}"),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

fn room(photo: &PlannedPhoto, listing: &Listing) -> String {
    let Some(room) = photo.room else {
        return "unknown".to_owned();
    };
    let origin = listing
        .photo(&photo.photo_id)
        .and_then(|photo| photo.room_origin);
    match origin {
        Some(RoomOrigin::FileName) => format!("{room} (by its name)"),
        Some(RoomOrigin::Flag | RoomOrigin::ListingFile) | None => room.to_string(),
    }
}

fn done(photo: &PlannedPhoto) -> String {
    let mut parts = Vec::new();
    if photo.sources.len() > 1 {
        parts.push(format!("fuse {}", photo.sources.len()));
    }
    for operation in &photo.operations {
        if let Decision::Run { executor } = &operation.decision {
            let attempts = match operation.attempts.len() {
                0 | 1 => String::new(),
                count => format!(", up to {count} attempts"),
            };
            parts.push(format!("{} ({executor}{attempts})", operation.kind));
        }
    }
    if parts.is_empty() {
        "delivered as it is".to_owned()
    } else {
        parts.join(", ")
    }
}

fn brackets(text: &mut String, plan: &Plan, listing: &Listing, columns: usize) {
    let fused: Vec<(&PlannedPhoto, usize)> = plan
        .photos
        .iter()
        .zip(1_usize..)
        .filter(|(photo, _)| photo.sources.len() > 1)
        .collect();
    if fused.is_empty() {
        return;
    }
    text.push_str("\nexposure brackets\n");
    for (photo, number) in fused {
        let sources: Vec<String> = photo
            .sources
            .iter()
            .map(|source| match source.exposure_value {
                Some(value) => format!("{} ({value:+} EV)", printable(&source.file)),
                None => printable(&source.file),
            })
            .collect();
        let evidence = match listing
            .bracket_of(&photo.photo_id)
            .map(|bracket| bracket.evidence)
        {
            Some(BracketEvidence::Stated) => "as stated",
            Some(BracketEvidence::Exif) | None => "by their EXIF data",
            Some(BracketEvidence::FileName) => "by their names",
        };
        let line = format!("{} ({evidence})", sources.join(", "));
        paragraph(text, &format!("  {number}: "), &line, columns);
    }
}

fn skipped(text: &mut String, plan: &Plan, columns: usize) {
    type Reason<'a> = (OperationKind, SkipCode, &'a str);
    let mut reasons: Vec<(Reason<'_>, &str, Vec<usize>)> = Vec::new();
    for (photo, number) in plan.photos.iter().zip(1_usize..) {
        for operation in &photo.operations {
            if let Decision::Skip { code, reason, hint } = &operation.decision {
                let key = (operation.kind, *code, reason.as_str());
                match reasons.iter_mut().find(|(known, ..)| *known == key) {
                    Some((.., numbers)) => numbers.push(number),
                    None => reasons.push((key, hint, vec![number])),
                }
            }
        }
    }
    if reasons.is_empty() {
        return;
    }
    reasons.sort_by_key(|((kind, ..), ..)| *kind);
    text.push_str("\nnot done\n");
    for ((kind, _, reason), hint, numbers) in reasons {
        let which = if numbers.len() == plan.photos.len() {
            "all".to_owned()
        } else {
            format!("#{}", ranges(&numbers))
        };
        paragraph(text, "  ", &format!("{kind}, {which}: {reason}"), columns);
        paragraph(text, "    hint: ", hint, columns);
    }
}

fn left_out(text: &mut String, listing: &Listing, columns: usize) {
    if listing.left_out.is_empty() {
        return;
    }
    text.push_str("\nfiles left out\n");
    for file in &listing.left_out {
        let reason = match file.code {
            LeftOutCode::SkippedByListingFile if file.reason.is_empty() => {
                "`listing.toml` skips it"
            }
            _ => &file.reason,
        };
        let line = format!("{}: {}", printable(&file.file), printable(reason));
        paragraph(text, "  ", &line, columns);
    }
}

/// `1-3, 5` for 1, 2, 3 and 5.
fn ranges(numbers: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &number in numbers {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => parts.push((number, number)),
        }
    }
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            _ => format!("{first}-{last}"),
        })
        .collect();
    parts.join(", ")
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float that is no number of seconds becomes 0 or the largest number"
    )]
    let whole = seconds.max(0.0).ceil() as u64;
    match whole {
        0 | 1 => "about a second".to_owned(),
        2..=99 => format!("about {whole} seconds"),
        100..=5999 => format!("about {} minutes", whole.div_ceil(60)),
        _ => format!("about {} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `text` cut to `width` columns in its middle, so that the start and the number or ending of a file
/// name stay.
fn fitted(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let tail = taken(text.chars().rev(), room / 2);
    let head = taken(text.chars(), room - room / 2);
    let head: String = head.into_iter().collect();
    let tail: String = tail.into_iter().rev().collect();
    format!("{head}…{tail}")
}

fn taken(characters: impl Iterator<Item = char>, width: usize) -> Vec<char> {
    let mut used = 0;
    characters
        .take_while(|character| {
            used += character.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

/// `content` behind `indent`, broken between words; further lines are indented as far.
fn paragraph(text: &mut String, indent: &str, content: &str, columns: usize) {
    let hanging = " ".repeat(indent.width());
    let mut line = indent.to_owned();
    let mut empty = true;
    for word in content.split_whitespace() {
        if !empty && line.width() + 1 + word.width() > columns {
            text.push_str(&line);
            text.push('\n');
            line.clone_from(&hanging);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_gathered() {
        assert_eq!(ranges(&[1, 2, 3, 5, 7, 8]), "1-3, 5, 7-8");
    }

    #[test]
    fn durations_read_well() {
        for (seconds, text) in [
            (0.2, "about a second"),
            (41.3, "about 42 seconds"),
            (125.0, "about 3 minutes"),
            (7265.0, "about 2 h 01 min"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn long_names_lose_their_middle_by_columns_not_by_bytes() {
        assert_eq!(
            fitted("DSC_20260412_living_room_0042.jpg", 16),
            "DSC_2026…042.jpg"
        );
        assert_eq!(fitted("客厅照片很长的名字一.jpg", 12).width(), 11);
        assert_eq!(fitted("short.jpg", 16), "short.jpg");
    }
}
