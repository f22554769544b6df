//! A plan as text for a terminal: a table of the pictures, then everything that is not done, once for
//! each reason.

mod sets;

use std::fmt::Write as _;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::domain::listing::{BesideKind, LeftOutCode, Listing, RoomOrigin};
use crate::domain::operation::OperationKind;
use crate::domain::plan::{Decision, Plan, PlannedPhoto};
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
    table(&mut text, plan, columns);
    guessed_rooms(&mut text, plan, listing, columns);
    sets::brackets(&mut text, plan, listing, columns);
    sets::notes(&mut text, listing, columns);
    skipped(&mut text, plan, columns);
    left_out(&mut text, listing, columns);
    if let Some(line) = beside(listing) {
        text.push('\n');
        paragraph(&mut text, "", &line, columns);
    }
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

/// The narrowest that a column of file names and one of work may become.
const NARROWEST_NAME: usize = 16;
const NARROWEST_WORK: usize = 22;
const GAP: &str = "  ";

fn table(text: &mut String, plan: &Plan, columns: usize) {
    let heading = ["#", "photo", "room", "size", "what is done"].map(str::to_owned);
    let mut rows = vec![heading];
    for (photo, number) in plan.photos.iter().zip(1_usize..) {
        rows.push([
            number.to_string(),
            printable(&photo.file),
            photo
                .room
                .map_or_else(|| "unknown".to_owned(), |room| room.to_string()),
            format!("{} × {}", photo.width, photo.height),
            done(photo),
        ]);
    }
    let [number, mut name, room, size, mut work] = widths(&rows);
    let gaps = GAP.len() * 4;
    let mut over = (number + name + room + size + work + gaps).saturating_sub(columns);
    // What does not fit is taken from the file names, then the sizes go, then the work is broken into
    // lines: it is what the plan is for, so nothing of it is cut.
    let taken = over.min(name.saturating_sub(NARROWEST_NAME));
    name -= taken;
    over -= taken;
    let with_size = over == 0;
    if !with_size {
        over = over.saturating_sub(size + GAP.len());
    }
    work = work.saturating_sub(over).max(NARROWEST_WORK);
    text.push('\n');
    for [number_cell, name_cell, room_cell, size_cell, work_cell] in rows {
        let mut start = format!("{number_cell:>number$}{GAP}");
        start.push_str(&padded(&fitted(&name_cell, name), name));
        start.push_str(GAP);
        start.push_str(&padded(&room_cell, room));
        start.push_str(GAP);
        if with_size {
            let _ = write!(start, "{size_cell:>size$}{GAP}");
        }
        let width = start.width() + work;
        paragraph(text, &start, &work_cell, width);
    }
}

fn widths(rows: &[[String; 5]]) -> [usize; 5] {
    let mut widths = [0; 5];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    widths
}

fn padded(text: &str, width: usize) -> String {
    let space = width.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(space))
}

/// What is done to a picture: operations that the same executor does as often stand together.
fn done(photo: &PlannedPhoto) -> String {
    let mut parts: Vec<(String, &str, usize)> = Vec::new();
    for operation in &photo.operations {
        if let Decision::Run { executor } = &operation.decision {
            let attempts = operation.attempts.len();
            match parts.last_mut() {
                Some((kinds, known, count)) if *known == executor && *count == attempts => {
                    let _ = write!(kinds, " + {}", operation.kind);
                }
                _ => parts.push((operation.kind.to_string(), executor, attempts)),
            }
        }
    }
    let mut texts = Vec::new();
    if photo.sources.len() > 1 {
        texts.push(format!("fuse {}", photo.sources.len()));
    }
    for (kinds, executor, attempts) in parts {
        texts.push(match attempts {
            0 | 1 => format!("{kinds} ({executor})"),
            count => format!("{kinds} ({executor}, up to {count} attempts)"),
        });
    }
    if texts.is_empty() {
        "delivered as it is".to_owned()
    } else {
        texts.join(", ")
    }
}

/// A guess must look like one, so that a person checks it.
fn guessed_rooms(text: &mut String, plan: &Plan, listing: &Listing, columns: usize) {
    for (guess, said) in [
        (RoomOrigin::FileName, "rooms read from file names"),
        (RoomOrigin::Model, "rooms recognised in the pictures"),
    ] {
        let guessed: Vec<usize> = plan
            .photos
            .iter()
            .zip(1_usize..)
            .filter(|(photo, _)| {
                let origin = listing
                    .photo(&photo.photo_id)
                    .and_then(|photo| photo.room_origin);
                photo.room.is_some() && origin == Some(guess)
            })
            .map(|(_, number)| number)
            .collect();
        if !guessed.is_empty() {
            let line = format!(
                "{said}: #{}; `listing.toml` or `--room FILE=ROOM` sets them",
                ranges(&guessed)
            );
            text.push('\n');
            paragraph(text, "", &line, columns);
        }
    }
}

fn skipped(text: &mut String, plan: &Plan, columns: usize) {
    /// One reason, with the operations and the pictures that it concerns.
    struct Group<'a> {
        kinds: Vec<OperationKind>,
        reason: &'a str,
        hint: &'a str,
        numbers: Vec<usize>,
    }
    let mut groups: Vec<Group<'_>> = Vec::new();
    for &kind in OperationKind::ALL {
        let mut of_kind: Vec<Group<'_>> = Vec::new();
        for (photo, number) in plan.photos.iter().zip(1_usize..) {
            let operation = photo
                .operations
                .iter()
                .find(|operation| operation.kind == kind);
            if let Some(Decision::Skip { reason, hint, .. }) =
                operation.map(|operation| &operation.decision)
            {
                match of_kind.iter_mut().find(|group| group.reason == reason) {
                    Some(group) => group.numbers.push(number),
                    None => of_kind.push(Group {
                        kinds: vec![kind],
                        reason,
                        hint,
                        numbers: vec![number],
                    }),
                }
            }
        }
        for group in of_kind {
            let same = groups
                .iter_mut()
                .find(|known| known.reason == group.reason && known.numbers == group.numbers);
            match same {
                Some(known) => known.kinds.push(kind),
                None => groups.push(group),
            }
        }
    }
    if groups.is_empty() {
        return;
    }
    text.push_str("\nnot done\n");
    for Group {
        kinds,
        reason,
        hint,
        numbers,
    } in groups
    {
        let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        let which = if numbers.len() == plan.photos.len() {
            "for every picture".to_owned()
        } else {
            format!("for #{}", ranges(&numbers))
        };
        let line = format!("{} {which}: {reason}", kinds.join(" + "));
        paragraph(text, "  ", &line, columns);
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

/// One line on the files that lie beside photos and are not used; what systems leave behind is not worth it.
#[must_use]
pub fn beside(listing: &Listing) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut total = 0;
    for beside in &listing.beside {
        let (one, many) = match beside.kind {
            BesideKind::RawTwin => ("raw twin", "raw twins"),
            BesideKind::Sidecar => ("sidecar", "sidecars"),
            BesideKind::LiveClip => ("live photo clip", "live photo clips"),
            BesideKind::System => continue,
        };
        total += beside.files.len();
        parts.push(counted(beside.files.len(), one, many));
    }
    let last = parts.pop()?;
    let list = if parts.is_empty() {
        last
    } else {
        format!("{} and {last}", parts.join(", "))
    };
    let verb = if total == 1 { "is" } else { "are" };
    Some(format!("{list} {verb} not used"))
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

/// `+2`, `-1.3` or `0`: EV to a tenth.
pub(super) fn signed(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    if tenths == 0.0 {
        "0".to_owned()
    } else {
        format!("{tenths:+}")
    }
}

fn counted(count: usize, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn duration(seconds: f64) -> String {
    // The cast makes 0 or the largest number of what is no number of seconds.
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
pub(super) fn paragraph(text: &mut String, indent: &str, content: &str, columns: usize) {
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
