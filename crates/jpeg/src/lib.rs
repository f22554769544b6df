//! A safe door to libjpeg: pixels, and everything that the library finds wrong with a file.
//!
//! The library reads what other readers read (all sampling factors that divide evenly, one scan or many, progressive,
//! Huffman or arithmetic coding, restart markers; 8 bits) and goes on after most damage, telling it in warnings. Here
//! the warnings are kept with their place, so that the caller can decide.

mod session;
mod words;

/// How much smaller than stored the picture is wanted. The entropy-coded data are read whole in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As stored.
    Full,
    /// Half of the width and height, rounded up.
    Half,
    /// A quarter of the width and height, rounded up.
    Quarter,
    /// An eighth of the width and height, rounded up.
    Eighth,
}

impl Scale {
    /// The divisor of width and height: 1, 2, 4 or 8.
    #[must_use]
    pub const fn divisor(self) -> u32 {
        match self {
            Self::Full => 1,
            Self::Half => 2,
            Self::Quarter => 4,
            Self::Eighth => 8,
        }
    }
}

/// What is refused before memory or time is spent on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest picture as stored, in pixels.
    pub max_pixels: u64,
    /// The most memory that the library may take beside the pixels that it hands out, in bytes.
    pub max_memory: u64,
    /// The most scans.
    pub max_scans: u32,
}

/// What the channels of an [`Image`] mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// One channel.
    Gray,
    /// Red, green and blue.
    Rgb,
    /// Four channels as they are stored; Adobe's convention, which is the only one in use, makes 255 no ink.
    Cmyk,
}

impl Space {
    /// Samples per pixel.
    #[must_use]
    pub const fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Rgb => 3,
            Self::Cmyk => 4,
        }
    }
}

/// Pixels: interleaved, 8 bits, `width * height * space.channels()` samples, not turned upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Width in pixels after scaling.
    pub width: u32,
    /// Height in pixels after scaling.
    pub height: u32,
    /// Meaning of the samples.
    pub space: Space,
    /// The samples.
    pub samples: Vec<u8>,
}

/// What the library warned of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The data of a scan or restart interval end before all of its blocks are there.
    DataEndEarly,
    /// Bits that are no code of the table.
    BadCode,
    /// So many bytes are left over before a marker.
    LeftOver(u32),
    /// Another restart marker than the next one.
    WrongRestart,
    /// A progressive scan that does not fit to the ones before it.
    WrongProgression,
    /// A sequential scan with parameters of a progressive one; harmless.
    NotSequential,
    /// Adobe's segment names a colour transform that does not exist.
    UnknownTransform,
    /// A JFIF segment of an unknown version; harmless.
    UnknownJfif,
    /// Bits that no arithmetic coder writes.
    BadArithmeticCode,
    /// Any other.
    Other,
}

/// Where the library was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the scan, from 1; 0 before the first.
    pub scan: u32,
    /// Row of minimum coded units in the scan, from 0.
    pub row: u32,
    /// Bytes of the file that were taken by then, up to eight more than were decoded.
    pub byte: usize,
}

/// A warning and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What.
    pub trouble: Trouble,
    /// Where.
    pub place: Place,
}

/// What the library says of a file beside its pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The warnings in order, [`Report::MOST`] at most.
    pub warnings: Vec<Warning>,
    /// Warnings beyond those.
    pub more: u64,
    /// Where the file's bytes ran out before its end marker.
    pub ran_out: Option<Place>,
    /// Where each row of minimum coded units began, in order of reading.
    pub rows: Vec<Place>,
    /// Bytes taken when the end was reached: the position behind the end marker, if there is one.
    pub taken: usize,
}

impl Report {
    /// How many warnings are kept.
    pub const MOST: usize = 4096;
}

/// Why there is no picture at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A kind of JPEG that the library does not read; the text completes "a JPEG …".
    Unsupported(String),
    /// The file contradicts itself or the standard; the text completes "its data are damaged: …".
    Corrupt(String),
    /// It asks for more than [`Limits`] allow; the text completes "it …".
    Limit(String),
}

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What the library said on the way.
    pub report: Report,
    /// The picture, or why there is none and where that was found.
    pub image: Result<Image, (Failure, Place)>,
}

/// Decodes a JPEG. A picture comes back even from most damaged files: read the report before it is used.
#[must_use]
pub fn decode(bytes: &[u8], scale: Scale, limits: &Limits) -> Outcome {
    session::run(bytes, scale, limits)
}
