//! A second, stricter reading of Huffman-coded sequential data (ITU-T T.81 annex F.2). libjpeg passes over
//! what a decoder can pass over: coefficients beyond the 64th, brightness outside of what 8 bits can hold, up to
//! eight bytes that are left over. No encoder writes them, and after a changed byte they are often the only trace.
//! Nothing is decoded here but the lengths of the codes and the steps of brightness, so it is quick.

mod table;

use std::ops::Range;

use super::scans::Scan;
use super::{JpegLayout, payload};
use table::{END_OF_BLOCK, Table};

/// What a stricter reading found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The row of minimum coded units in which it was found.
    pub(super) row: u32,
    /// What, as it completes "its picture data are damaged (…)".
    pub(super) what: &'static str,
}

const OVERRUN: &str = "a block has more than 64 coefficients";
const BRIGHTNESS: &str = "a block is brighter or darker than is possible";
const LEFT_OVER: &str = "a few bytes are left over";
const NO_CODE: &str = "they do not decode";

/// Bits of one restart interval, without the zero bytes that follow each 0xff.
struct Bits<'a> {
    data: &'a [u8],
    position: usize,
    /// The next bits, from the top down.
    buffer: u64,
    count: u32,
    /// Bits beyond the end that were made up.
    missing: u32,
}

impl<'a> Bits<'a> {
    const fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            buffer: 0,
            count: 0,
            missing: 0,
        }
    }

    /// Makes sure of 32 bits.
    #[inline(always)]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(&next) = self
            .data
            .get(self.position..)
            .and_then(|rest| rest.first_chunk::<4>())
        {
            let word = u32::from_be_bytes(next);
            // A byte of 0xff has its zero bit found by the usual test on the complement.
            let inverted = !word;
            if inverted.wrapping_sub(0x0101_0101) & word & 0x8080_8080 == 0 {
                self.buffer |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.position += 4;
                return;
            }
        }
        self.fill_slowly();
    }

    fn fill_slowly(&mut self) {
        while self.count < 32 {
            let byte = match self.data.get(self.position) {
                Some(&byte) => {
                    self.position += 1;
                    if byte == 0xff && self.data.get(self.position) == Some(&0) {
                        self.position += 1;
                    }
                    byte
                }
                None => {
                    self.missing += 8;
                    0
                }
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    #[inline(always)]
    const fn skip(&mut self, bits: u32) {
        self.buffer <<= bits;
        self.count = self.count.saturating_sub(bits);
    }

    /// Whole bytes that were not needed; negative where bits were missing.
    fn left_over(&self) -> i64 {
        let unread = (self.data.len() - self.position) as i64;
        unread + (i64::from(self.count) - i64::from(self.missing)).div_euclid(8)
    }
}

/// One channel of the scan.
struct Part<'a> {
    blocks: u32,
    quantum: i32,
    dc: &'a Table,
    ac: &'a Table,
}

/// Reads the only scan of a sequential Huffman-coded picture; `None` where nothing is wrong, or where the
/// picture is of another kind.
pub(super) fn first_fault(bytes: &[u8], layout: &JpegLayout, scan: &Scan) -> Option<Fault> {
    let tables = Tables::collect(bytes, scan.data.start)?;
    let parts = tables.parts(layout, scan)?;
    let (columns, rows) = scan.units(layout);
    let units = columns.checked_mul(rows)?;
    let interval = if scan.interval == 0 {
        units
    } else {
        scan.interval
    };
    let mut start = scan.data.start;
    let mut unit = 0;
    let mut ends = scan.restarts.iter().map(|&behind| (behind - 2, behind));
    while unit < units {
        let (end, next) = ends.next().unwrap_or((scan.data.end, scan.data.end));
        let end = end.min(bytes.len());
        let part = bytes.get(start..end)?;
        let last = (unit + interval).min(units);
        if let Err((unit, what)) = read(part, &parts, unit..last) {
            return Some(Fault {
                row: unit / columns,
                what,
            });
        }
        start = next;
        unit = last;
    }
    None
}

/// Reads the minimum coded units between two markers.
fn read(data: &[u8], parts: &[Part<'_>], units: Range<u32>) -> Result<(), (u32, &'static str)> {
    let mut bits = Bits::new(data);
    let mut brightness = [0_i32; 4];
    for unit in units.clone() {
        for (part, level) in parts.iter().zip(&mut brightness) {
            for _ in 0..part.blocks {
                *level += block(&mut bits, part).map_err(|what| (unit, what))?;
                // Eight times the mean of samples between -128 and 127, and room for rounding.
                if (*level * part.quantum).abs() > 1024 + 64 + part.quantum {
                    return Err((unit, BRIGHTNESS));
                }
            }
        }
        // libjpeg tells of this itself.
        if bits.missing > bits.count {
            return Ok(());
        }
    }
    // What is far too much is told by libjpeg; it may also be padding or a trailer.
    let left = bits.left_over();
    if (1..=8).contains(&left) && !data.ends_with(&[0]) && !data.ends_with(&[0xff]) {
        return Err((units.end.saturating_sub(1), LEFT_OVER));
    }
    Ok(())
}

/// Passes over a block; gives the step of its brightness.
#[inline(always)]
fn block(bits: &mut Bits<'_>, part: &Part<'_>) -> Result<i32, &'static str> {
    bits.fill();
    let (length, size) = part.dc.code(bits.buffer).ok_or(NO_CODE)?;
    let size = u32::from(size & 15);
    bits.skip(length);
    let step = if size == 0 {
        0
    } else {
        let value = (bits.buffer >> (64 - size)) as i32;
        let half = 1 << (size - 1);
        if value < half {
            value - 2 * half + 1
        } else {
            value
        }
    };
    bits.skip(size);
    let mut coefficient = 1_u32;
    while coefficient < 64 {
        bits.fill();
        let next = part.ac.step(bits.buffer, coefficient).ok_or(NO_CODE)?;
        bits.skip(u32::from(next.bits));
        coefficient += u32::from(next.coefficients);
    }
    if (65..u32::from(END_OF_BLOCK)).contains(&coefficient) {
        return Err(OVERRUN);
    }
    Ok(step)
}

/// The tables that are in force at the scan.
struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// First entry of each quantisation table.
    quanta: [i32; 4],
    /// The channels of the scan: index of the DC and of the AC table.
    chosen: Vec<(u8, usize, usize)>,
    /// Quantisation table of each channel of the frame, by its id.
    quantized: Vec<(u8, usize)>,
}

impl Tables {
    /// Reads the segments before the scan whose data begin at `until`.
    fn collect(bytes: &[u8], until: usize) -> Option<Self> {
        let mut tables = Self {
            dc: [const { None }; 4],
            ac: [const { None }; 4],
            quanta: [1; 4],
            chosen: Vec::new(),
            quantized: Vec::new(),
        };
        let mut position = 2;
        while position < until {
            let (after, marker) = super::next_marker(bytes, position)?;
            if matches!(marker, 0x01 | 0xd0..=0xd8) {
                position = after;
                continue;
            }
            let range = payload(bytes, after)?;
            let data = bytes.get(range.clone())?;
            match marker {
                0xc4 => tables.codes(data)?,
                0xdb => tables.quantisation(data)?,
                0xc0 | 0xc1 => {
                    let channels = data.get(6..)?.as_chunks::<3>().0.iter();
                    tables.quantized = channels
                        .map(|&[id, _, table]| (id, usize::from(table)))
                        .collect();
                }
                0xda => {
                    let count = usize::from(*data.first()?);
                    let channels = data.get(1..)?.as_chunks::<2>().0.iter();
                    let chosen = channels.take(count).map(|&[id, choice]| {
                        (id, usize::from(choice >> 4), usize::from(choice & 15))
                    });
                    tables.chosen = chosen.collect();
                }
                _ => {}
            }
            position = range.end;
        }
        Some(tables)
    }

    fn codes(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some((&class, rest)) = data.split_first() {
            let counts = rest.first_chunk::<16>()?;
            let total: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = rest.get(16..16 + total)?;
            let tables = if class >> 4 == 0 {
                &mut self.dc
            } else {
                &mut self.ac
            };
            *tables.get_mut(usize::from(class & 15))? = Some(Table::new(counts, symbols)?);
            data = rest.get(16 + total..)?;
        }
        Some(())
    }

    fn quantisation(&mut self, mut data: &[u8]) -> Option<()> {
        while let Some((&kind, rest)) = data.split_first() {
            let wide = kind >> 4 != 0;
            let first = if wide {
                i32::from(u16::from_be_bytes(*rest.first_chunk()?))
            } else {
                i32::from(*rest.first()?)
            };
            *self.quanta.get_mut(usize::from(kind & 15))? = first;
            data = rest.get(if wide { 128 } else { 64 }..)?;
        }
        Some(())
    }

    fn parts(&self, layout: &JpegLayout, scan: &Scan) -> Option<Vec<Part<'_>>> {
        let single = scan.channels.len() == 1;
        self.chosen
            .iter()
            .zip(&scan.channels)
            .map(|(&(id, dc, ac), &channel)| {
                let channel = layout.channels.get(channel)?;
                let (_, table) = self.quantized.iter().find(|(known, _)| *known == id)?;
                let blocks = if single {
                    1
                } else {
                    u32::from(channel.horizontal) * u32::from(channel.vertical)
                };
                Some(Part {
                    blocks,
                    quantum: *self.quanta.get(*table)?,
                    dc: self.dc.get(dc)?.as_ref()?,
                    ac: self.ac.get(ac)?.as_ref()?,
                })
            })
            .collect()
    }
}
