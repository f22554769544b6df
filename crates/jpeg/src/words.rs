//! What the library's messages mean.

use crate::{Failure, Trouble};

pub(crate) fn trouble(text: &str, number: u32) -> Trouble {
    let starts = |beginning: &str| text.starts_with(beginning);
    if starts("Corrupt JPEG data: premature end") {
        Trouble::DataEndEarly
    } else if starts("Corrupt JPEG data: bad Huffman") {
        Trouble::BadCode
    } else if starts("Corrupt JPEG data: bad arithmetic") {
        Trouble::BadArithmeticCode
    } else if text.contains("extraneous bytes before marker") {
        Trouble::LeftOver(number)
    } else if text.contains("instead of RST") {
        Trouble::WrongRestart
    } else if starts("Inconsistent progression") {
        Trouble::WrongProgression
    } else if starts("Invalid SOS parameters for sequential") {
        Trouble::NotSequential
    } else if starts("Unknown Adobe color transform") {
        Trouble::UnknownTransform
    } else if starts("Warning: unknown JFIF") {
        Trouble::UnknownJfif
    } else {
        Trouble::Other
    }
}

pub(crate) fn failure(text: &str, number: u32) -> Failure {
    let starts = |beginning: &str| text.starts_with(beginning);
    let unsupported = |what: String| Failure::Unsupported(what);
    let corrupt = |what: &str| Failure::Corrupt(what.to_owned());
    if starts("Unsupported JPEG data precision") {
        unsupported(format!("with {number} bits per sample"))
    } else if starts("Unsupported JPEG process") || starts("Sorry, arithmetic") {
        unsupported("of a process that is not read (lossless or hierarchical)".to_owned())
    } else if starts("Fractional sampling") || starts("CCIR601") {
        unsupported("whose channels have sizes that do not divide evenly".to_owned())
    } else if starts("Too many color components") {
        unsupported(format!("with {number} colour channels"))
    } else if starts("Maximum supported image dimension") {
        unsupported("of more than 65,500 pixels on a side".to_owned())
    } else if starts("Sampling factors too large") {
        unsupported("whose sampling factors are larger than the standard allows".to_owned())
    } else if starts("Insufficient memory") || starts("Backing store") || starts("Memory limit") {
        Failure::Limit("asks for more memory than its size explains".to_owned())
    } else if starts("Empty JPEG image") {
        unsupported("whose height stands behind its picture data".to_owned())
    } else if starts("Didn't expect more than one scan") {
        corrupt("a second scan follows a whole picture")
    } else if starts("Bogus Huffman table") {
        corrupt("a Huffman table contradicts itself")
    } else if text.contains("was not defined") {
        corrupt("a table is missing")
    } else if text.contains("two SOI markers") {
        corrupt("another picture begins inside its data")
    } else if text.contains("two SOF markers") {
        corrupt("it has two frame headers")
    } else if text.contains("missing SOS") || text.contains("contains no image") {
        corrupt("it ends before the picture")
    } else if starts("Invalid progressive parameters") {
        corrupt("a scan has impossible parameters")
    } else if starts("Bogus marker length") {
        corrupt("a segment has an impossible length")
    } else if starts("Unsupported marker type") {
        corrupt("a marker stands where none may be")
    } else if starts("Bogus sampling factors") {
        corrupt("its sampling factors are impossible")
    } else if starts("Invalid component ID") {
        corrupt("a scan names a channel that is not there")
    } else {
        // The library's words with their placeholders left out.
        let words = text.split_whitespace().filter(|word| !word.contains('%'));
        Failure::Corrupt(words.collect::<Vec<_>>().join(" ").to_lowercase())
    }
}
