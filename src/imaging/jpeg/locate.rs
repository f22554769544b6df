//! Where a damaged picture begins to be wrong. The first warning is only the lowest possible place: the
//! decoder often goes on for long before it stumbles. What filled the gap (zeros, another photo) and the
//! break that it leaves in the picture say more.

use remedia_jpeg::{Image, Scale, Trouble};

use super::super::decode::DecodeError;
use super::damaged;
use super::scans::End;
use super::verdict::File;

/// So many zero bytes in a row are not met in the data of a photo.
const ZEROS: usize = 32;

/// A break between two rows of the picture counts if it is so many times the usual difference.
const BREAK: f32 = 3.0;

/// The refusal of a file whose picture data are damaged for `cause`, with the place.
pub(super) fn refusal(file: &File<'_>, cause: &str) -> DecodeError {
    refused_from(file, first_row(file, None), cause)
}

/// The same with the row where the damage was found at the latest.
pub(super) fn refusal_at(file: &File<'_>, row: u32, cause: &str) -> DecodeError {
    refused_from(file, first_row(file, Some(row)), cause)
}

fn refused_from(file: &File<'_>, row: u32, cause: &str) -> DecodeError {
    let per_cent = row * 100 / file.layout.rows();
    match file.scans.end {
        End::Missing if !ends_in_zeros(file) => damaged(format!(
            "it is cut short: from {per_cent} % of its height on the picture is missing or damaged ({cause})"
        )),
        End::Foreign(position) if file.bytes.get(position..position + 2) == Some(&[0xff, 0xd8]) => {
            damaged(format!(
                "from {per_cent} % of its height on its picture data are damaged (another picture begins there)"
            ))
        }
        _ => damaged(format!(
            "from {per_cent} % of its height on its picture data are damaged ({cause})"
        )),
    }
}

fn ends_in_zeros(file: &File<'_>) -> bool {
    file.bytes.ends_with(&[0; ZEROS])
}

/// Position of the first long run of zeros in the picture data.
pub(super) fn zeros(file: &File<'_>) -> Option<usize> {
    let start = file.scans.scans.first()?.data.start;
    let data = file.bytes.get(start..)?;
    // One byte in sixteen is enough to meet every run of that length.
    let step = ZEROS / 2;
    (0..data.len().saturating_sub(ZEROS))
        .step_by(step)
        .find_map(|position| {
            let piece = data.get(position..position + step)?;
            if piece.iter().any(|&byte| byte != 0) {
                return None;
            }
            let before = data.get(..position)?.iter().rev();
            let first = position - before.take_while(|&&byte| byte == 0).count();
            let run = data.get(first..first + ZEROS)?;
            run.iter().all(|&byte| byte == 0).then_some(start + first)
        })
}

/// The row of minimum coded units in whose data a byte lies, in the scan that it belongs to.
fn row_of(file: &File<'_>, byte: usize) -> Option<u32> {
    let rows = &file.outcome.report.rows;
    let after = rows.partition_point(|place| place.byte <= byte);
    after
        .checked_sub(1)
        .and_then(|index| rows.get(index))
        .map(|place| place.row)
}

/// The first row that may be wrong, as well as it can be told; below the number of rows.
fn first_row(file: &File<'_>, found: Option<u32>) -> u32 {
    let last = file.layout.rows() - 1;
    let report = &file.outcome.report;
    let told = report.warnings.iter().find(|warning| {
        !matches!(
            warning.trouble,
            Trouble::NotSequential | Trouble::UnknownJfif | Trouble::UnknownTransform
        ) && warning.place.scan > 0
    });
    // At the end of a scan the row is counted on; the last one is meant.
    let told = told.map(|warning| warning.place.row.min(last));
    let failed = file.outcome.image.as_ref().err();
    let failed = failed
        .filter(|(_, place)| place.scan > 0)
        .map(|(_, place)| place.row.min(last));
    let foreign = match file.scans.end {
        End::Foreign(position) => row_of(file, position),
        End::Marker(_) | End::Missing => None,
    };
    let bound = [found, told, failed, foreign]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(last);
    let filled = zeros(file).and_then(|byte| row_of(file, byte));
    match filled {
        Some(row) if row < bound => row,
        _ => broken_row(file, bound).unwrap_or(bound),
    }
}

/// The row above `bound` at which the picture breaks most, where it clearly does.
fn broken_row(file: &File<'_>, bound: u32) -> Option<u32> {
    if file.scans.scans.len() != 1 {
        return None;
    }
    // What is found must not depend on the scale at which the picture was asked for.
    let small = remedia_jpeg::decode(file.bytes, Scale::Eighth, file.limits);
    let small = small.image.ok()?;
    let differences = differences(&small);
    let (_, vertical) = file.layout.most_samples();
    let lines = vertical as usize;
    // A unit's first line against the line above it; the usual difference is that inside of its neighbours.
    let jump = |row: usize| differences.get((row * lines).checked_sub(1)?).copied();
    let mut usual = differences.clone();
    usual.sort_by(f32::total_cmp);
    let usual = usual.get(usual.len() * 3 / 4).copied()?.max(2.0);
    let (row, most) = (1..=bound as usize)
        .filter_map(|row| Some((row, jump(row)?)))
        .max_by(|left, right| left.1.total_cmp(&right.1))?;
    (most > BREAK * usual).then_some(row as u32)
}

/// The mean difference of each line of a picture to the next.
fn differences(picture: &Image) -> Vec<f32> {
    let width = picture.width as usize * picture.space.channels();
    let lines: Vec<&[u8]> = picture.samples.chunks_exact(width.max(1)).collect();
    lines
        .windows(2)
        .filter_map(|pair| {
            let [above, below] = pair else {
                return None;
            };
            let sum: u64 = above
                .iter()
                .zip(*below)
                .map(|(a, b)| u64::from(a.abs_diff(*b)))
                .sum();
            Some(sum as f32 / width as f32)
        })
        .collect()
}

/// Whether arithmetic-coded data ended far above the end of the picture. Their decoder makes zeros of
/// what is missing without a word, which is right for the last few blocks only. A progressive file that
/// is cut lacks whole scans, and is known by that.
pub(super) fn starved(file: &File<'_>) -> bool {
    if !file.layout.arithmetic || file.layout.progressive {
        return false;
    }
    let rows = &file.outcome.report.rows;
    file.scans.scans.iter().zip(1_u32..).any(|(scan, number)| {
        let of_scan: Vec<_> = rows.iter().filter(|place| place.scan == number).collect();
        let ended = of_scan
            .iter()
            .position(|place| place.byte + 2 >= scan.data.end);
        // Rows that cost nothing in a picture whose rows cost many bytes.
        ended.is_some_and(|row| {
            let cost = scan.data.len() / row.max(1);
            of_scan.len() - row > 2 && cost > 16
        })
    })
}
