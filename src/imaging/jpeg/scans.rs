//! The scans of a JPEG, found by walking its markers without decoding: which channels and bits each
//! sends, where its data and restart markers lie, and how the file ends.

use std::ops::Range;

use super::super::decode::DecodeError;
use super::{JpegLayout, MAX_SCANS, damaged, interval, next_marker, payload};

/// One scan.
#[derive(Debug)]
pub(super) struct Scan {
    /// Indices of its channels in the frame.
    pub(super) channels: Vec<usize>,
    /// First and last coefficient in zigzag order.
    pub(super) coefficients: (u8, u8),
    /// The lowest bit that it sends.
    pub(super) low_bit: u8,
    /// Its entropy-coded data, restart markers included.
    pub(super) data: Range<usize>,
    /// Minimum coded units between two restart markers, 0 for none.
    pub(super) interval: u32,
    /// Positions behind its restart markers.
    pub(super) restarts: Vec<usize>,
    /// Whether the restart markers count 0, 1, …, 7, 0, … without a gap.
    pub(super) in_order: bool,
}

/// How the scans end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// With the end marker; the position behind it.
    Marker(usize),
    /// The bytes run out.
    Missing,
    /// With a marker that no picture has there, at this position: another file, or nonsense.
    Foreign(usize),
}

/// All scans of a file.
#[derive(Debug)]
pub(super) struct Scans {
    pub(super) scans: Vec<Scan>,
    pub(super) end: End,
}

/// Walks from the first scan to the end.
///
/// # Errors
/// More scans than any picture needs.
pub(super) fn walk(bytes: &[u8], layout: &JpegLayout) -> Result<Scans, DecodeError> {
    let mut scans = Vec::new();
    let mut interval_now = layout.restart_interval;
    let mut position = layout.scan;
    loop {
        let Some(header) = payload(bytes, position) else {
            return Ok(Scans {
                scans,
                end: End::Missing,
            });
        };
        if scans.len() >= MAX_SCANS as usize {
            return Err(damaged(format!("it has more than {MAX_SCANS} scans")));
        }
        let (scan, next) = scan(bytes, layout, header, interval_now);
        scans.push(scan);
        // Segments between two scans, up to the next scan.
        let mut next = next;
        position = loop {
            let Some((after, marker)) = next else {
                return Ok(Scans {
                    scans,
                    end: End::Missing,
                });
            };
            let end = match marker {
                0xd9 => End::Marker(after),
                0xda => break after,
                // Tables, comments and application data may stand between scans.
                0xc4 | 0xcc | 0xdb..=0xdd | 0xe0..=0xef | 0xfe => {
                    let Some(range) = payload(bytes, after) else {
                        return Ok(Scans {
                            scans,
                            end: End::Missing,
                        });
                    };
                    if marker == 0xdd {
                        interval_now = interval(bytes.get(range.clone()).unwrap_or_default());
                    }
                    next = next_marker(bytes, range.end);
                    continue;
                }
                _ => End::Foreign(after - 2),
            };
            return Ok(Scans { scans, end });
        };
    }
}

/// Reads a scan's header and finds the end of its data; gives the marker behind them, too.
fn scan(
    bytes: &[u8],
    layout: &JpegLayout,
    header: Range<usize>,
    interval: u32,
) -> (Scan, Option<(usize, u8)>) {
    let start = header.end;
    let fields = bytes.get(header).unwrap_or_default();
    let count = fields.first().map_or(0, |&count| usize::from(count));
    let ids = fields
        .get(1..)
        .unwrap_or_default()
        .as_chunks::<2>()
        .0
        .iter();
    let channels = ids
        .take(count)
        .filter_map(|&[id, _]| layout.channels.iter().position(|channel| channel.id == id))
        .collect();
    let at = |index: usize| fields.get(1 + 2 * count + index).copied().unwrap_or(0);
    let mut scan = Scan {
        channels,
        coefficients: (at(0), at(1)),
        low_bit: at(2) & 15,
        data: start..bytes.len(),
        interval,
        restarts: Vec::new(),
        in_order: true,
    };
    let mut position = start;
    loop {
        let next = next_marker(bytes, position);
        match next {
            Some((after, marker @ 0xd0..=0xd7)) => {
                scan.in_order &= usize::from(marker & 7) == scan.restarts.len() % 8;
                scan.restarts.push(after);
                position = after;
            }
            Some((after, _)) => {
                scan.data.end = after - 2;
                return (scan, next);
            }
            None => return (scan, None),
        }
    }
}

impl Scan {
    /// Minimum coded units in a row, and how many rows of them the scan has.
    pub(super) fn units(&self, layout: &JpegLayout) -> (u32, u32) {
        let (horizontal, vertical) = layout.most_samples();
        if let [only] = self.channels.as_slice()
            && let Some(channel) = layout.channels.get(*only)
        {
            let side = |length: u32, own: u8, most: u32| {
                (length * u32::from(own)).div_ceil(most).div_ceil(8)
            };
            return (
                side(layout.width, channel.horizontal, horizontal),
                side(layout.height, channel.vertical, vertical),
            );
        }
        (
            layout.width.div_ceil(8 * horizontal),
            layout.height.div_ceil(8 * vertical),
        )
    }

    /// Whether its restart markers are all there and in order, so that what is damaged between two of
    /// them cannot have moved anything else. False where it has none.
    pub(super) fn divided(&self, layout: &JpegLayout) -> bool {
        let (columns, rows) = self.units(layout);
        let units = u64::from(columns) * u64::from(rows);
        self.interval > 0
            && self.in_order
            && self.restarts.len() as u64 + 1 == units.div_ceil(u64::from(self.interval))
    }
}

impl Scans {
    /// Whether every bit of every coefficient of every channel is sent.
    pub(super) fn complete(&self, layout: &JpegLayout) -> bool {
        let mut missing = vec![[u8::MAX; 64]; layout.channels.len()];
        for scan in &self.scans {
            let (first, last) = if layout.progressive {
                (scan.coefficients.0, scan.coefficients.1)
            } else {
                (0, 63)
            };
            for &channel in &scan.channels {
                let bits = missing
                    .get_mut(channel)
                    .and_then(|channel| channel.get_mut(usize::from(first)..=usize::from(last)));
                for bit in bits.into_iter().flatten() {
                    *bit = if layout.progressive { scan.low_bit } else { 0 };
                }
            }
        }
        missing.iter().flatten().all(|&bit| bit == 0)
    }
}
