//! From the bytes of a strip or tile to samples: differences undone (TIFF 6.0, section 14; Adobe's technical
//! note 3), then every sample widened to 8 or 16 bits or to a real number.

use super::page::Page;
use super::tags::Meaning;

/// The samples of a part or of the whole picture, channels interleaved.
pub(super) enum Raw {
    /// 0 to 255; entries of a palette as they are.
    Eight(Vec<u8>),
    /// 0 to 65535; entries of a palette as they are.
    Sixteen(Vec<u16>),
    /// 1 is white.
    Real(Vec<f32>),
}

/// A strip or tile without compression.
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    /// Samples of a row.
    pub(super) across: usize,
    /// Rows.
    pub(super) down: usize,
    pub(super) big_endian: bool,
}

/// Bytes of a row, which begins at a whole byte.
pub(super) const fn row_bytes(page: &Page, across: usize) -> usize {
    (across * page.bits as usize).div_ceil(8)
}

/// The samples of a part.
pub(super) fn unpack(page: &Page, mut part: Part) -> Raw {
    let row = row_bytes(page, part.across).max(1);
    match page.predictor {
        2 => {
            for line in part.bytes.chunks_mut(row) {
                add_up(line, page.bits / 8, page.together(), part.big_endian);
            }
        }
        3 => {
            for line in part.bytes.chunks_mut(row) {
                add_up_real(line, page.bits as usize / 8, page.together());
            }
            // The bytes of a number are put together from the highest.
            part.big_endian = true;
        }
        _ => {}
    }
    if page.float {
        return Raw::Real(reals(&part.bytes, page.bits, part.big_endian));
    }
    match page.bits {
        8 => Raw::Eight(part.bytes),
        ..8 => Raw::Eight(small(page, &part, row)),
        _ => Raw::Sixteen(wide(page, &part, row)),
    }
}

fn add_up(line: &mut [u8], width: u32, stride: usize, big_endian: bool) {
    macro_rules! sums {
        ($kind:ty) => {{
            const WIDTH: usize = size_of::<$kind>();
            let (samples, _) = line.as_chunks_mut::<WIDTH>();
            let mut before = vec![<$kind>::default(); stride];
            for pixel in samples.chunks_mut(stride) {
                for (sample, before) in pixel.iter_mut().zip(&mut before) {
                    let difference = if big_endian {
                        <$kind>::from_be_bytes(*sample)
                    } else {
                        <$kind>::from_le_bytes(*sample)
                    };
                    *before = before.wrapping_add(difference);
                    *sample = if big_endian {
                        before.to_be_bytes()
                    } else {
                        before.to_le_bytes()
                    };
                }
            }
        }};
    }
    match width {
        1 => sums!(u8),
        2 => sums!(u16),
        4 => sums!(u32),
        _ => sums!(u64),
    }
}

/// Differences between bytes, the highest bytes of the row's numbers first.
fn add_up_real(line: &mut [u8], width: usize, stride: usize) {
    let mut before = vec![0_u8; stride];
    for pixel in line.chunks_mut(stride) {
        for (byte, before) in pixel.iter_mut().zip(&mut before) {
            *before = before.wrapping_add(*byte);
            *byte = *before;
        }
    }
    let apart = line.to_vec();
    let count = line.len() / width;
    for (index, number) in line.chunks_exact_mut(width).enumerate() {
        for (place, byte) in number.iter_mut().enumerate() {
            *byte = apart.get(place * count + index).copied().unwrap_or(0);
        }
    }
}

fn reals(bytes: &[u8], bits: u32, big_endian: bool) -> Vec<f32> {
    let order = |big: f32, little: f32| if big_endian { big } else { little };
    match bits {
        16 => bytes
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&b| {
                half(if big_endian {
                    u16::from_be_bytes(b)
                } else {
                    u16::from_le_bytes(b)
                })
            })
            .collect(),
        32 => bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&b| order(f32::from_be_bytes(b), f32::from_le_bytes(b)))
            .collect(),
        _ => bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|&b| order(f64::from_be_bytes(b) as f32, f64::from_le_bytes(b) as f32))
            .collect(),
    }
}

/// IEEE 754 binary16.
fn half(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f32::from(bits & 0x3ff) / 1024.0;
    sign * match exponent {
        0 => fraction * 2_f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * 2_f32.powi(exponent - 15),
    }
}

/// Samples of 1 to 7 bits.
fn small(page: &Page, part: &Part, row: usize) -> Vec<u8> {
    let most = (1_u32 << page.bits) - 1;
    let table: Vec<u8> = (0..=most)
        .map(|value| {
            if page.meaning == Meaning::Palette {
                value as u8
            } else {
                ((value * 255 + most / 2) / most) as u8
            }
        })
        .collect();
    let mut samples = Vec::with_capacity(part.across * part.down);
    for line in part.bytes.chunks(row).take(part.down) {
        let mut bits = Bits::new(line);
        samples.extend((0..part.across).map(|_| {
            let value = bits.take(page.bits) as usize;
            table.get(value).copied().unwrap_or(0)
        }));
    }
    samples
}

/// Samples of 9 to 64 bits, the full range of each as 0 to 65535.
fn wide(page: &Page, part: &Part, row: usize) -> Vec<u16> {
    let big_endian = part.big_endian;
    if page.bits == 16 {
        let samples = part.bytes.as_chunks::<2>().0.iter();
        return samples
            .map(|&b| {
                if big_endian {
                    u16::from_be_bytes(b)
                } else {
                    u16::from_le_bytes(b)
                }
            })
            .collect();
    }
    if page.bits >= 24 {
        let width = page.bits as usize / 8;
        let highest = |number: &[u8]| {
            let byte = |place: usize| {
                let place = if big_endian { place } else { width - 1 - place };
                u64::from(number.get(place).copied().unwrap_or(0))
            };
            // The four highest bytes say more than 16 bits can.
            let value = (0..width.min(4)).fold(0, |value, place| value << 8 | byte(place));
            let most = (1_u64 << (8 * width.min(4))) - 1;
            ((value * 65_535 + most / 2) / most) as u16
        };
        return part.bytes.chunks_exact(width).map(highest).collect();
    }
    let most = (1_u64 << page.bits) - 1;
    let mut samples = Vec::with_capacity(part.across * part.down);
    for line in part.bytes.chunks(row).take(part.down) {
        let mut bits = Bits::new(line);
        samples.extend((0..part.across).map(|_| {
            let value = bits.take(page.bits);
            if page.meaning == Meaning::Palette {
                value as u16
            } else {
                ((value * 65_535 + most / 2) / most) as u16
            }
        }));
    }
    samples
}

/// Bits of a row, the highest of each byte first, whatever the byte order (TIFF 6.0, FillOrder).
struct Bits<'a> {
    bytes: std::slice::Iter<'a, u8>,
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter(),
            held: 0,
            count: 0,
        }
    }

    fn take(&mut self, bits: u32) -> u64 {
        while self.count < bits {
            self.held = self.held << 8 | u64::from(self.bytes.next().copied().unwrap_or(0));
            self.count += 8;
        }
        self.count -= bits;
        let value = self.held >> self.count;
        self.held &= (1 << self.count) - 1;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_numbers_are_read() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),
            (0x0001, 5.960_464_5e-8),
            (0, 0.0),
        ] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn bits_are_taken_from_the_highest() {
        let mut bits = Bits::new(&[0b1010_0110, 0b1111_0000, 0b0101_0101]);
        assert_eq!([bits.take(3), bits.take(12)], [0b101, 0b0011_0111_1000]);
    }
}
