//! Whether a JPEG is whole enough to be used: the one place that decides it, for every reader.
//!
//! A Huffman-coded scan has no checksum. After a changed byte the decoder goes on with wrong blocks, finds
//! its step again by chance, and all that follows stands in the wrong place or has the wrong brightness; often
//! the only sign is that the data do not come out even at the end. So a sign of damage says that something
//! above it may be wrong, and a photo with one is used only where it can be shown how much is touched:
//!
//! * between restart markers that are all there and in order, nothing outside can have moved;
//! * where the file just stops, all that was decoded before is whole, unless something is wrong there too;
//! * bytes in the header that belong to no segment, padding, and marks of a kind that nobody reads touch no pixel.
//!
//! Then at least [`LEAST_WHOLE`] of the picture must be whole. Everything else is refused.

use remedia_jpeg::{Failure, Limits, Outcome, Place, Trouble, Warning};

use super::super::decode::DecodeError;
use super::huffman::{self, Fault};
use super::scans::{End, Scans};
use super::{JpegLayout, damaged, locate, trailer, unsupported};

/// The part of the picture that must be whole for the file to be used, in thousandths.
const LEAST_WHOLE: u64 = 980;

/// What there is to know of a file.
pub(super) struct File<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) layout: &'a JpegLayout,
    pub(super) scans: &'a Scans,
    pub(super) outcome: &'a Outcome,
    pub(super) limits: &'a Limits,
}

/// Signs of damage in the picture data, beside what is harmless.
struct Signs {
    notes: Vec<String>,
    damage: Vec<Warning>,
    /// Whether a trailer stands where the end marker should.
    trailer: bool,
}

/// Decides; gives what a person should know of a file that can be used.
///
/// # Errors
/// Why it cannot be used, with the place.
pub(super) fn judge(file: &File<'_>) -> Result<Vec<String>, DecodeError> {
    if let Err((failure, place)) = &file.outcome.image {
        return Err(failed(file, failure, *place));
    }
    let mut signs = signs(file);
    if file.outcome.report.more > 0 {
        return Err(locate::refusal(file, "they do not decode"));
    }
    if !file.scans.complete(file.layout) {
        return Err(incomplete(file));
    }
    if let Some(first) = signs.damage.first() {
        let note = tolerated(file, &signs.damage)
            .ok_or_else(|| locate::refusal(file, &cause(first.trouble, signs.damage.len())))?;
        signs.notes.push(note);
    } else if file.layout.arithmetic && file.scans.end == End::Missing {
        // Their decoder makes zeros of what is missing, so nobody can say where they ended.
        return Err(damaged("it is cut short: its end marker is missing"));
    } else if locate::starved(file) {
        return Err(locate::refusal(file, "they end early"));
    } else if let Some(fault) = strict(file) {
        return Err(locate::refusal_at(file, fault.row, fault.what));
    } else if file.scans.end == End::Missing && !signs.trailer {
        signs
            .notes
            .push("its end marker is missing; every part of the picture is there".to_owned());
    }
    Ok(signs.notes)
}

/// What the stricter reading finds, where the picture is of the kind that it reads.
fn strict(file: &File<'_>) -> Option<Fault> {
    let [scan] = file.scans.scans.as_slice() else {
        return None;
    };
    if file.layout.progressive || file.layout.arithmetic {
        return None;
    }
    huffman::first_fault(file.bytes, file.layout, scan)
}

fn failed(file: &File<'_>, failure: &Failure, place: Place) -> DecodeError {
    match failure {
        Failure::Unsupported(what) => unsupported(&format!("JPEG {what}")),
        Failure::Limit(what) => damaged(format!("it {what}")),
        Failure::Corrupt(what) if place.scan == 0 => damaged(what.clone()),
        Failure::Corrupt(what) => locate::refusal(file, what),
    }
}

fn signs(file: &File<'_>) -> Signs {
    let mut signs = Signs {
        notes: Vec::new(),
        damage: Vec::new(),
        trailer: false,
    };
    for &warning in &file.outcome.report.warnings {
        let note = match warning.trouble {
            Trouble::NotSequential => "a scan's header is not as the standard wants it",
            Trouble::UnknownJfif => "its JFIF segment is of an unknown version",
            Trouble::UnknownTransform => {
                "it names a colour transform that does not exist; YCbCr is assumed"
            }
            Trouble::LeftOver(_) if warning.place.scan == 0 => {
                "stray bytes stand between the segments of its header"
            }
            Trouble::LeftOver(count) if is_padding(file, count) => {
                "padding stands between the picture data and the end marker"
            }
            Trouble::LeftOver(count) if is_trailer(file, count) => {
                signs.trailer = true;
                "another program's data stand in place of its end marker; every part of the picture is there"
            }
            _ => {
                signs.damage.push(warning);
                continue;
            }
        };
        if !signs.notes.iter().any(|known| known == note) {
            signs.notes.push(note.to_owned());
        }
    }
    signs
}

/// Whether the bytes left over before the end marker are padding of which no block was made.
fn is_padding(file: &File<'_>, count: u32) -> bool {
    let End::Marker(end) = file.scans.end else {
        return false;
    };
    let Some(start) = (end - 2).checked_sub(count as usize) else {
        return false;
    };
    // The decoder takes up to eight bytes ahead: the same byte must not go on further back than that.
    let before = file.bytes.get(start.saturating_sub(12)..start);
    let padding = file.bytes.get(start..end - 2).unwrap_or_default();
    trailer::padding(padding)
        && before.is_some_and(|before| before.iter().any(|byte| Some(byte) != padding.first()))
}

/// Whether the bytes left over at the end of a file without an end marker are a trailer.
fn is_trailer(file: &File<'_>, count: u32) -> bool {
    let start = file.bytes.len().checked_sub(count as usize);
    file.scans.end == End::Missing
        && start.is_some_and(|start| trailer::named(file.bytes, start.saturating_sub(8)))
}

/// What to say of damage that touches little, where that can be shown; `None` where it cannot.
fn tolerated(file: &File<'_>, damage: &[Warning]) -> Option<String> {
    if file.scans.end == End::Missing || file.scans.end.is_foreign() {
        return cut_at_the_end(file, damage);
    }
    let scan = file.scans.scans.first()?;
    let one = file.scans.scans.len() == 1 && scan.divided(file.layout);
    one.then(|| between_restarts(file, damage)).flatten()
}

/// A file that just stops: whole down to the row where the data ran out.
fn cut_at_the_end(file: &File<'_>, damage: &[Warning]) -> Option<String> {
    let scan = file.scans.scans.last()?;
    let last_scan = u32::try_from(file.scans.scans.len()).ok()?;
    let [only] = damage else {
        return None;
    };
    if file.scans.end != End::Missing || only.trouble != Trouble::DataEndEarly {
        return None;
    }
    if only.place.scan != last_scan || !scan.in_order || locate::zeros(file).is_some() {
        return None;
    }
    if strict(file).is_some() {
        return None;
    }
    let rows = u64::from(file.layout.rows());
    let whole = u64::from(only.place.row);
    (whole * 1000 >= rows * LEAST_WHOLE).then(|| {
        let share = share(rows - whole, rows);
        format!("the file is cut short: the lowest {share} of the picture is missing")
    })
}

/// Damage between restart markers that are all there.
fn between_restarts(file: &File<'_>, damage: &[Warning]) -> Option<String> {
    let scan = file.scans.scans.first()?;
    let (columns, rows) = scan.units(file.layout);
    let units = u64::from(columns) * u64::from(rows);
    let interval = u64::from(scan.interval);
    let mut touched = std::collections::BTreeSet::new();
    for warning in damage {
        if warning.trouble == Trouble::WrongRestart {
            return None;
        }
        // What is told at a restart marker belongs to the data before it; which of the two it is, is not
        // known to the byte, so both count.
        let after = |byte: usize| scan.restarts.partition_point(|&restart| restart <= byte);
        let byte = warning.place.byte;
        touched.extend(after(byte.saturating_sub(12))..=after(byte));
    }
    let lost: u64 = touched
        .iter()
        .map(|&part| interval.min(units.saturating_sub(part as u64 * interval)))
        .sum();
    let first = touched.first().map_or(0, |&part| part as u64 * interval);
    let place = first * 100 / units.max(1);
    ((units - lost.min(units)) * 1000 >= units * LEAST_WHOLE).then(|| {
        let share = share(lost, units);
        format!("{share} of the picture is damaged, from {place} % of its height on")
    })
}

/// A share in words: whole per cent, rounded up.
fn share(part: u64, whole: u64) -> String {
    format!("{} %", (part * 100).div_ceil(whole.max(1)).max(1))
}

fn cause(trouble: Trouble, count: usize) -> String {
    let cause = match trouble {
        Trouble::DataEndEarly => "they end before the picture is complete".to_owned(),
        Trouble::BadCode | Trouble::BadArithmeticCode => "they do not decode".to_owned(),
        Trouble::LeftOver(1) => "one byte is left over".to_owned(),
        Trouble::LeftOver(bytes) => format!("{bytes} bytes are left over"),
        Trouble::WrongRestart => "parts are missing or out of order".to_owned(),
        Trouble::WrongProgression => "its scans do not fit together".to_owned(),
        _ => "the decoder warns of them".to_owned(),
    };
    match count {
        1 => cause,
        count => format!("{cause}, and {} more faults", count - 1),
    }
}

/// Not every channel and bit is there.
fn incomplete(file: &File<'_>) -> DecodeError {
    let scans = file.scans.scans.len();
    let sent = match scans {
        1 => "one scan is".to_owned(),
        count => format!("{count} scans are"),
    };
    match file.scans.end {
        End::Marker(_) => damaged(format!(
            "only {sent} there, and the picture needs more; it stays coarse or without colour from top to bottom"
        )),
        End::Missing | End::Foreign(_) => damaged(format!(
            "it is cut short: only {sent} there, and the picture needs more; it stays coarse or without colour from top to bottom"
        )),
    }
}

impl End {
    const fn is_foreign(self) -> bool {
        matches!(self, Self::Foreign(_))
    }
}
