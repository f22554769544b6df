//! Decompression of DEFLATE (RFC 1951), from a stream of bytes to a writer.

use std::io::{self, Read, Write};

const WINDOW: usize = 32 * 1024;
const LENGTH_BASE: [u16; 29] = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
];
const LENGTH_EXTRA: [u8; 29] = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const DISTANCE_BASE: [u16; 30] = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA: [u8; 30] = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
];
/// The order in which the lengths of the code of code lengths travel.
const ORDER: [usize; 19] = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
];

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "damaged deflate stream")
}

/// A canonical Huffman code: how many codes have each length, and the symbols in order of their codes.
#[derive(Debug)]
struct Code {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0; 16];
        let mut symbols = Vec::new();
        for wanted in 1..16_u8 {
            for (symbol, length) in lengths.iter().enumerate() {
                if *length == wanted {
                    symbols.push(u16::try_from(symbol).unwrap_or_default());
                    if let Some(count) = counts.get_mut(usize::from(wanted)) {
                        *count += 1;
                    }
                }
            }
        }
        Self { counts, symbols }
    }
}

struct Inflater<R, W> {
    source: R,
    sink: W,
    bits: u32,
    bit_count: u8,
    window: Vec<u8>,
    written: usize,
}

/// Decompresses `source` into `sink`; returns the size of the result.
pub(super) fn inflate(source: impl Read, sink: impl Write) -> io::Result<usize> {
    let mut inflater = Inflater {
        source,
        sink,
        bits: 0,
        bit_count: 0,
        window: vec![0; WINDOW],
        written: 0,
    };
    loop {
        let last = inflater.bits(1)? == 1;
        match inflater.bits(2)? {
            0 => inflater.stored()?,
            1 => {
                let lengths: Vec<u8> = (0..288_u16)
                    .map(|symbol| match symbol {
                        0..144 => 8,
                        144..256 => 9,
                        256..280 => 7,
                        _ => 8,
                    })
                    .collect();
                inflater.block(&Code::new(&lengths), &Code::new(&[5; 30]))?;
            }
            2 => {
                let (literals, distances) = inflater.codes()?;
                inflater.block(&literals, &distances)?;
            }
            _ => return Err(damaged()),
        }
        if last {
            inflater.sink.flush()?;
            return Ok(inflater.written);
        }
    }
}

impl<R: Read, W: Write> Inflater<R, W> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.source.read_exact(&mut byte)?;
        let [byte] = byte;
        Ok(byte)
    }

    fn bits(&mut self, count: u8) -> io::Result<u16> {
        while self.bit_count < count {
            self.bits |= u32::from(self.byte()?) << self.bit_count;
            self.bit_count += 8;
        }
        let value = self.bits & ((1 << count) - 1);
        self.bits >>= count;
        self.bit_count -= count;
        u16::try_from(value).map_err(|_| damaged())
    }

    fn symbol(&mut self, code: &Code) -> io::Result<u16> {
        let (mut value, mut first, mut index) = (0_u16, 0_u16, 0_u16);
        for count in code.counts.iter().skip(1) {
            value |= self.bits(1)?;
            if let Some(offset) = value.checked_sub(first)
                && offset < *count
            {
                let symbol = code.symbols.get(usize::from(index + offset));
                return symbol.copied().ok_or_else(damaged);
            }
            index += count;
            first = first.wrapping_add(*count) << 1;
            value <<= 1;
        }
        Err(damaged())
    }

    fn put(&mut self, byte: u8) -> io::Result<()> {
        if let Some(place) = self.window.get_mut(self.written % WINDOW) {
            *place = byte;
        }
        self.written += 1;
        self.sink.write_all(&[byte])
    }

    fn stored(&mut self) -> io::Result<()> {
        self.bits = 0;
        self.bit_count = 0;
        let mut head = [0; 4];
        self.source.read_exact(&mut head)?;
        let [low, high, check_low, check_high] = head;
        let length = u16::from_le_bytes([low, high]);
        if length != !u16::from_le_bytes([check_low, check_high]) {
            return Err(damaged());
        }
        for _ in 0..length {
            let byte = self.byte()?;
            self.put(byte)?;
        }
        Ok(())
    }

    fn codes(&mut self) -> io::Result<(Code, Code)> {
        let literals = usize::from(self.bits(5)?) + 257;
        let distances = usize::from(self.bits(5)?) + 1;
        let sent = usize::from(self.bits(4)?) + 4;
        let mut lengths = [0_u8; 19];
        for place in ORDER.iter().take(sent) {
            let length = u8::try_from(self.bits(3)?).map_err(|_| damaged())?;
            if let Some(known) = lengths.get_mut(*place) {
                *known = length;
            }
        }
        let code = Code::new(&lengths);
        let mut lengths: Vec<u8> = Vec::new();
        while lengths.len() < literals + distances {
            let (value, times) = match self.symbol(&code)? {
                16 => {
                    let previous = lengths.last().copied().ok_or_else(damaged)?;
                    (previous, 3 + self.bits(2)?)
                }
                17 => (0, 3 + self.bits(3)?),
                18 => (0, 11 + self.bits(7)?),
                length => (u8::try_from(length).map_err(|_| damaged())?, 1),
            };
            lengths.extend(std::iter::repeat_n(value, usize::from(times)));
        }
        if lengths.len() > literals + distances {
            return Err(damaged());
        }
        let (literals, distances) = lengths.split_at(literals);
        Ok((Code::new(literals), Code::new(distances)))
    }

    fn block(&mut self, literals: &Code, distances: &Code) -> io::Result<()> {
        loop {
            let symbol = self.symbol(literals)?;
            if let Ok(byte) = u8::try_from(symbol) {
                self.put(byte)?;
                continue;
            }
            let Some(place) = usize::from(symbol).checked_sub(257) else {
                return Ok(());
            };
            let length = self.number(place, &LENGTH_BASE, &LENGTH_EXTRA)?;
            let place = usize::from(self.symbol(distances)?);
            let distance = self.number(place, &DISTANCE_BASE, &DISTANCE_EXTRA)?;
            if distance > self.written.min(WINDOW) {
                return Err(damaged());
            }
            for _ in 0..length {
                let from = (self.written - distance) % WINDOW;
                let byte = self.window.get(from).copied().ok_or_else(damaged)?;
                self.put(byte)?;
            }
        }
    }

    fn number(&mut self, place: usize, base: &[u16], extra: &[u8]) -> io::Result<usize> {
        let (Some(base), Some(extra)) = (base.get(place), extra.get(place)) else {
            return Err(damaged());
        };
        Ok(usize::from(*base) + usize::from(self.bits(*extra)?))
    }
}
