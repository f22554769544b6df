//! JPEGs as cameras, phones, editors and failing cards leave them: shown right, or refused with the place.

use remedia::imaging::{self, DecodeLimits, Picture, Samples};

use crate::support::{Environment, fixture};

/// Mean red, green and blue of the four quarters of the bedroom, as libjpeg's own reader shows it.
const BEDROOM: [[f64; 3]; 4] = [
    [148.0, 153.0, 146.0],
    [165.0, 162.0, 155.0],
    [139.0, 137.0, 131.0],
    [152.5, 147.0, 143.0],
];

/// What else a damaged file is called.
const SOURCES: [&str; 5] = ["baseline", "gray", "progressive", "restart", "arithmetic"];

fn case(name: &str) -> Vec<u8> {
    fs_err::read(fixture(&format!("cases/jpeg/{name}.jpg"))).unwrap()
}

fn room(name: &str) -> Vec<u8> {
    fs_err::read(fixture(&format!("listings/maple-street/{name}.jpg"))).unwrap()
}

fn quarters(picture: &Picture) -> [[f64; 3]; 4] {
    let Samples::Eight(samples) = &picture.samples else {
        panic!("a JPEG has 8 bits");
    };
    let (across, down) = (picture.width / 2, picture.height / 2);
    [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(column, row)| {
        let mut sum = [0.0; 3];
        for y in row * down..(row + 1) * down {
            for x in column * across..(column + 1) * across {
                for (channel, sum) in sum.iter_mut().enumerate() {
                    *sum += f64::from(samples[(y * picture.width + x) * 3 + channel]);
                }
            }
        }
        sum.map(|sum| sum / (across * down) as f64)
    })
}

#[track_caller]
fn assert_near(found: [[f64; 3]; 4], expected: [[f64; 3]; 4], levels: f64, what: &str) {
    for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
        assert!(
            (found - expected).abs() <= levels,
            "{what}: {found} for {expected}"
        );
    }
}

/// Start of the picture data of a file with one scan.
fn data_start(jpeg: &[u8]) -> usize {
    let scan = jpeg
        .windows(2)
        .position(|marker| marker == [0xff, 0xda])
        .unwrap();
    scan + 2 + usize::from(u16::from_be_bytes([jpeg[scan + 2], jpeg[scan + 3]]))
}

#[test]
fn odd_but_whole_jpegs_are_delivered_in_their_colours() {
    let environment = Environment::new();
    let folder = environment.work().join("in");
    fs_err::create_dir(&folder).unwrap();
    let names = [
        "separate-scans",
        "no-end-marker",
        "trailer-for-end-marker",
        "jfif-and-adobe",
    ];
    for name in names {
        let bytes = case(name);
        let picture = imaging::decode(&bytes, &DecodeLimits::default()).unwrap();
        assert_near(quarters(&picture), BEDROOM, 1.0, name);
        fs_err::write(folder.join(format!("{name}.jpg")), bytes).unwrap();
    }
    environment
        .run(["submit", "in", "--style", "modern", "--out", "out"])
        .with_code(0);
    let mut finals = 0;
    for entry in fs_err::read_dir(environment.work().join("out/in/final")).unwrap() {
        let path = entry.unwrap().path();
        let picture = imaging::decode(&fs_err::read(&path).unwrap(), &DecodeLimits::default());
        let found = quarters(&picture.unwrap());
        // The enhancement may lift it; it stays a grey room, not a green or salmon one.
        for [red, green, blue] in found {
            let spread = red.max(green).max(blue) - red.min(green).min(blue);
            assert!(spread < 25.0, "{}: {found:?}", path.display());
        }
        finals += 1;
    }
    assert_eq!(finals, names.len());
}

#[test]
fn a_whole_jpeg_without_an_end_marker_has_a_note() {
    for (name, expected) in [
        (
            "no-end-marker",
            "its end marker is missing; every part of the picture is there",
        ),
        (
            "trailer-for-end-marker",
            "another program's data stand in place of its end marker; every part of the picture is there",
        ),
    ] {
        let look = imaging::look(&case(name), &DecodeLimits::default(), 512).unwrap();
        assert_eq!(look.notes, [expected]);
    }
    let look = imaging::look(&room("03-bedroom"), &DecodeLimits::default(), 512).unwrap();
    assert!(look.notes.is_empty());
    assert_eq!((look.picture.width, look.picture.height), (512, 341));
}

/// The photo with its data damaged from 60 % of its bytes on, in all the ways that cards and copies do it.
fn damaged() -> Vec<(&'static str, Vec<u8>)> {
    let good = room("03-bedroom");
    let other = room("06-exterior");
    let at = good.len() * 6 / 10;
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = good.clone();
        change(&mut bytes);
        bytes
    };
    let foreign = &other[data_start(&other) + 1000..other.len() - 2];
    vec![
        ("zeros", changed(&|bytes| bytes[at..].fill(0))),
        (
            "zeros and end marker",
            changed(&|bytes| {
                let end = bytes.len() - 2;
                bytes[at..end].fill(0);
            }),
        ),
        (
            "4k of zeros",
            changed(&|bytes| bytes[at..at + 4096].fill(0)),
        ),
        (
            "4k of another photo",
            changed(&|bytes| bytes[at..at + 4096].copy_from_slice(&foreign[..4096])),
        ),
        ("cut", changed(&|bytes| bytes.truncate(at))),
        (
            "cut with end marker",
            changed(&|bytes| {
                bytes.truncate(at);
                bytes.extend([0xff, 0xd9]);
            }),
        ),
        (
            "cut and another photo's data",
            changed(&|bytes| {
                bytes.truncate(at);
                bytes.extend(foreign);
                bytes.extend([0xff, 0xd9]);
            }),
        ),
        (
            "cut and another photo",
            changed(&|bytes| {
                bytes.truncate(at);
                bytes.extend(&other);
            }),
        ),
        (
            "bytes lost",
            changed(&|bytes| drop(bytes.drain(at..at + 512))),
        ),
    ]
}

#[test]
fn a_damaged_jpeg_is_left_out_with_its_place() {
    let environment = Environment::new();
    let folder = environment.work().join("in");
    fs_err::create_dir(&folder).unwrap();
    fs_err::write(folder.join("good.jpg"), case("baseline")).unwrap();
    let damaged = damaged();
    for (name, bytes) in &damaged {
        fs_err::write(folder.join(format!("{name}.jpg")), bytes).unwrap();
    }
    let said = environment.run(["submit", "in", "--style", "modern", "--out", "out"]);
    assert_ne!(said.code, 0, "{}", said.error);
    let text = format!("{}{}", said.out, said.error);
    for (name, bytes) in &damaged {
        let line = text
            .lines()
            .find(|line| line.contains(&format!("left out {name}.jpg")))
            .unwrap_or_else(|| panic!("{name} is not named: {text}"));
        let place = line
            .split("from ")
            .nth(1)
            .and_then(|rest| rest.split(" %").next());
        let place: u32 = place.unwrap_or_else(|| panic!("{line}")).parse().unwrap();
        // The upper part of the room costs less bytes than the lower one.
        assert!((50..=75).contains(&place), "{line}");
        assert!(imaging::decode(bytes, &DecodeLimits::default()).is_err());
    }
    let finals = fs_err::read_dir(environment.work().join("out/in/final")).unwrap();
    assert_eq!(finals.count(), 1);
}

#[test]
fn a_jpeg_that_lacks_its_last_rows_is_used_with_a_note() {
    let good = room("03-bedroom");
    let notes = |bytes: &[u8]| {
        imaging::look(bytes, &DecodeLimits::default(), 512).map(|look| look.notes.join("; "))
    };
    let cut = notes(&good[..good.len() - good.len() / 100]).unwrap();
    assert!(
        cut.starts_with("the file is cut short: the lowest "),
        "{cut}"
    );
    assert!(cut.ends_with(" % of the picture is missing"), "{cut}");
    assert!(notes(&good[..good.len() - good.len() / 25]).is_err());
    // Stray bytes in the header touch no pixel.
    let mut stray = good.clone();
    let first_segment = 4 + usize::from(u16::from_be_bytes([good[4], good[5]]));
    stray.splice(first_segment..first_segment, [0, 1, 2, 3]);
    assert_eq!(
        notes(&stray).unwrap(),
        "stray bytes stand between the segments of its header"
    );
    // What stands behind the end marker is nobody's business.
    let followed = [&good[..], &room("06-exterior")].concat();
    assert_eq!(notes(&followed).unwrap(), "");
}

#[test]
fn damage_between_restart_markers_stays_there() {
    let good = case("restart");
    let start = data_start(&good);
    let markers: Vec<usize> = (start..good.len() - 1)
        .filter(|&at| good[at] == 0xff && (0xd0..=0xd7).contains(&good[at + 1]))
        .collect();
    let look = |intervals: &[usize]| {
        let mut bytes = good.clone();
        for &interval in intervals {
            let at = markers[interval] + 6;
            bytes.splice(at..at, [0x12; 60]);
        }
        imaging::look(&bytes, &DecodeLimits::default(), 512)
    };
    // An interval has 3 of 384 units.
    let notes = look(&[50]).unwrap().notes;
    assert_eq!(
        notes,
        ["1 % of the picture is damaged, from 39 % of its height on"]
    );
    let error = look(&[100, 90, 50, 20]).unwrap_err().to_string();
    assert!(error.contains(" % of its height on"), "{error}");
    // A whole interval that is lost moves all that follows.
    let mut bytes = good.clone();
    bytes.drain(markers[50]..markers[51]);
    assert!(imaging::decode(&bytes, &DecodeLimits::default()).is_err());
}

/// Numbers without a pattern, from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn mutant(good: &[u8], other: &[u8], chance: &mut Chance) -> Vec<u8> {
    let start = data_start(good);
    let at = start + chance.below(good.len() - start - 2);
    let until = (at + [64, 512, 4096][chance.below(3)]).min(good.len() - 2);
    let mut bytes = good.to_vec();
    match chance.below(7) {
        0 | 1 => bytes[at] ^= 1 << chance.below(8),
        2 => bytes[at..until].fill(0),
        3 => {
            let from = data_start(other) + chance.below(other.len() / 3);
            let length = (until - at).min(other.len() - from);
            bytes.splice(at..at + length, other[from..from + length].iter().copied());
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(at..until)),
        _ => {
            bytes.truncate(at);
            bytes.extend(&other[data_start(other)..]);
        }
    }
    bytes
}

#[test]
fn nothing_that_the_library_calls_corrupt_is_silent() {
    let limits = remedia_jpeg::Limits {
        max_pixels: 1 << 24,
        max_memory: 1 << 30,
        max_scans: 200,
    };
    let mut chance = Chance(0x5eed_2026_1201);
    let other = case("separate-scans");
    let (mut corrupt, mut used) = (0, 0);
    for round in 0..300 {
        let good = case(SOURCES[round % SOURCES.len()]);
        let bytes = mutant(&good, &other, &mut chance);
        let told = remedia_jpeg::decode(&bytes, remedia_jpeg::Scale::Full, &limits);
        let silent = told.image.is_ok()
            && told.report
                == remedia_jpeg::Report {
                    rows: told.report.rows.clone(),
                    taken: told.report.taken,
                    ..remedia_jpeg::Report::default()
                };
        let look = imaging::look(&bytes, &DecodeLimits::default(), 96);
        let decoded = imaging::decode(&bytes, &DecodeLimits::default());
        assert_eq!(
            look.is_ok(),
            decoded.is_ok(),
            "round {round}: look and decode differ"
        );
        if let (Err(look), Err(decoded)) = (&look, &decoded) {
            assert_eq!(look, decoded, "round {round}");
        }
        if !silent {
            corrupt += 1;
            let passed = look.is_ok_and(|look| look.notes.is_empty());
            assert!(
                !passed,
                "round {round} passes in silence: {:?}",
                told.report.warnings
            );
        } else if look.is_ok() {
            used += 1;
        }
    }
    // Most mutants are corrupt, and a changed byte that touches next to nothing is let pass.
    assert!(corrupt > 150 && used > 10, "{corrupt} corrupt, {used} used");
}

#[test]
fn a_jpeg_with_too_many_scans_is_refused() {
    let good = case("progressive");
    let scan = data_start(&good);
    let header = good[..scan]
        .windows(2)
        .rposition(|marker| marker == [0xff, 0xda])
        .unwrap();
    let end = (scan..)
        .find(|&at| good[at] == 0xff && good[at + 1] != 0)
        .unwrap();
    let mut bomb = good[..end].to_vec();
    for _ in 0..5000 {
        bomb.extend(&good[header..end]);
    }
    bomb.extend(&good[end..]);
    let error = imaging::decode(&bomb, &DecodeLimits::default()).unwrap_err();
    assert!(error.to_string().contains("more than 100 scans"), "{error}");
    // Without the last scans the picture stays coarse.
    let mut coarse = good[..end].to_vec();
    coarse.extend([0xff, 0xd9]);
    let error = imaging::decode(&coarse, &DecodeLimits::default()).unwrap_err();
    assert!(
        error.to_string().contains("only one scan is there"),
        "{error}"
    );
}
