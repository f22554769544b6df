//! The directories of a TIFF structure, read without believing anything: every value is looked up inside the
//! file's bytes, so a count or an offset that lies costs nothing. Classic TIFF (TIFF 6.0, section 2), BigTIFF,
//! and the raw formats that are TIFF under another number.

use std::collections::{BTreeMap, BTreeSet};

/// Directories beyond this number are not read: a raw file has some ten, a scanned document some hundred.
const MAX_DIRECTORIES: usize = 1000;
/// Entries of a directory beyond this number are not read.
const MAX_ENTRIES: u64 = 4096;

/// Further directories of the same picture: smaller copies, or the raw data behind a preview.
pub(in crate::imaging) const SUB_IFDS: u16 = 330;

/// A TIFF structure.
#[derive(Clone, Copy, Debug)]
pub(in crate::imaging) struct Tree<'a> {
    pub(in crate::imaging) bytes: &'a [u8],
    pub(in crate::imaging) big_endian: bool,
    /// Whether offsets have 64 bits.
    big: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    kind: u16,
    count: u64,
    /// Where the values lie in the file.
    position: u64,
}

/// One directory.
#[derive(Clone, Debug, Default)]
pub(in crate::imaging) struct Directory {
    entries: BTreeMap<u16, Entry>,
}

/// Bytes of one value of a field type; `None` for a type that does not exist.
const fn width(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

impl<'a> Tree<'a> {
    /// The structure that begins at the first byte; `None` where there is none.
    pub(in crate::imaging) fn new(bytes: &'a [u8]) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let mut tree = Self {
            bytes,
            big_endian,
            big: false,
        };
        match tree.unsigned(2, 2)? {
            // 0x4f52 and 0x5352 are Olympus's, 0x55 is Panasonic's.
            42 | 0x4f52 | 0x5352 | 0x55 => {}
            43 if tree.unsigned(4, 2)? == 8 => tree.big = true,
            _ => return None,
        }
        Some(tree)
    }

    /// An unsigned number of `width` bytes (1 to 8) at a position.
    fn unsigned(&self, position: u64, width: u64) -> Option<u64> {
        let start = usize::try_from(position).ok()?;
        let end = start.checked_add(usize::try_from(width).ok()?)?;
        let digits = self.bytes.get(start..end)?;
        let push = |number: u64, digit: &u8| number << 8 | u64::from(*digit);
        Some(if self.big_endian {
            digits.iter().fold(0, push)
        } else {
            digits.iter().rev().fold(0, push)
        })
    }

    /// All directories: the chain in its order, each followed by those below it.
    pub(in crate::imaging) fn directories(&self) -> Vec<Directory> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        let first = if self.big {
            self.unsigned(8, 8)
        } else {
            self.unsigned(4, 4)
        };
        let mut next = first;
        while let Some(position) = next.filter(|&position| position != 0) {
            if !seen.insert(position) || found.len() >= MAX_DIRECTORIES {
                break;
            }
            let Some((directory, after)) = self.directory(position) else {
                break;
            };
            let below = directory.numbers(self, SUB_IFDS).unwrap_or_default();
            found.push(directory);
            self.descend(&below, 0, &mut seen, &mut found);
            next = after;
        }
        found
    }

    fn descend(
        &self,
        below: &[u64],
        depth: usize,
        seen: &mut BTreeSet<u64>,
        found: &mut Vec<Directory>,
    ) {
        for &position in below {
            if depth >= 3 || found.len() >= MAX_DIRECTORIES || !seen.insert(position) {
                continue;
            }
            if let Some((directory, _)) = self.directory(position) {
                let deeper = directory.numbers(self, SUB_IFDS).unwrap_or_default();
                found.push(directory);
                self.descend(&deeper, depth + 1, seen, found);
            }
        }
    }

    /// The directory at a position, and the position of the one after it.
    fn directory(&self, position: u64) -> Option<(Directory, Option<u64>)> {
        let (count_width, entry_width, offset_width) =
            if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.unsigned(position, count_width)?;
        let start = position.checked_add(count_width)?;
        let mut directory = Directory::default();
        // A directory that is cut short may lack the very field that says what the others mean.
        let end = start.checked_add(count.min(MAX_ENTRIES).checked_mul(entry_width)?)?;
        if end > self.bytes.len() as u64 {
            return None;
        }
        for index in 0..count.min(MAX_ENTRIES) {
            let entry = start.checked_add(index.checked_mul(entry_width)?)?;
            let Some(tag) = self.unsigned(entry, 2) else {
                break;
            };
            let Some((kind, count)) = self
                .unsigned(entry + 2, 2)
                .zip(self.unsigned(entry + 4, offset_width))
            else {
                break;
            };
            let value = entry + 4 + offset_width;
            let Some(length) = width(kind as u16).and_then(|width| width.checked_mul(count)) else {
                continue;
            };
            let position = if length <= offset_width {
                value
            } else {
                match self.unsigned(value, offset_width) {
                    Some(position) => position,
                    None => break,
                }
            };
            directory.entries.entry(tag as u16).or_insert(Entry {
                kind: kind as u16,
                count,
                position,
            });
        }
        let next = start
            .checked_add(count.checked_mul(entry_width)?)
            .and_then(|position| self.unsigned(position, offset_width));
        Some((directory, next))
    }
}

impl Directory {
    /// The bytes of a field's values as they lie in the file.
    pub(in crate::imaging) fn bytes<'a>(&self, tree: &Tree<'a>, tag: u16) -> Option<&'a [u8]> {
        let entry = self.entries.get(&tag)?;
        let length = width(entry.kind)?.checked_mul(entry.count)?;
        let start = usize::try_from(entry.position).ok()?;
        tree.bytes
            .get(start..start.checked_add(usize::try_from(length).ok()?)?)
    }

    /// The values of a field of whole numbers without sign.
    pub(in crate::imaging) fn numbers(&self, tree: &Tree<'_>, tag: u16) -> Option<Vec<u64>> {
        let entry = self.entries.get(&tag)?;
        if !matches!(entry.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18) {
            return None;
        }
        let width = width(entry.kind)?;
        // All of it lies in the file, so its length is no lie.
        self.bytes(tree, tag)?;
        (0..entry.count)
            .map(|index| tree.unsigned(entry.position + index * width, width))
            .collect()
    }

    /// The first value of a field of whole numbers.
    pub(in crate::imaging) fn number(&self, tree: &Tree<'_>, tag: u16) -> Option<u64> {
        let entry = self.entries.get(&tag)?;
        if !matches!(entry.kind, 1 | 3 | 4 | 7 | 13 | 16 | 18) || entry.count == 0 {
            return None;
        }
        tree.unsigned(entry.position, width(entry.kind)?)
    }

    /// The values of a field of fractions without sign.
    pub(in crate::imaging) fn fractions(&self, tree: &Tree<'_>, tag: u16) -> Option<Vec<f64>> {
        let entry = self.entries.get(&tag)?;
        if entry.kind != 5 {
            return self
                .numbers(tree, tag)
                .map(|numbers| numbers.into_iter().map(|number| number as f64).collect());
        }
        self.bytes(tree, tag)?;
        (0..entry.count)
            .map(|index| {
                let position = entry.position + index * 8;
                let above = tree.unsigned(position, 4)? as f64;
                let below = tree.unsigned(position + 4, 4)? as f64;
                (below > 0.0).then_some(above / below)
            })
            .collect()
    }

    /// Where the values of a field lie in the file.
    pub(in crate::imaging) fn position(&self, tag: u16) -> Option<u64> {
        self.entries.get(&tag).map(|entry| entry.position)
    }

    /// Whether the field is there.
    pub(in crate::imaging) fn has(&self, tag: u16) -> bool {
        self.entries.contains_key(&tag)
    }
}
