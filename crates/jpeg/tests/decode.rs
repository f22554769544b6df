//! What comes out of the door: pixels, warnings with their place, and errors as values.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use remedia_jpeg::{Failure, Limits, Outcome, Scale, Space, Trouble, decode};

const LIMITS: Limits = Limits {
    max_pixels: 1 << 24,
    max_memory: 1 << 28,
    max_scans: 100,
};

fn file(name: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures");
    fs_err::read(root.join(name)).unwrap()
}

fn full(bytes: &[u8]) -> Outcome {
    decode(bytes, Scale::Full, &LIMITS)
}

#[test]
fn good_files_come_out_without_a_word() {
    for (name, space) in [
        ("cases/jpeg/baseline.jpg", Space::Rgb),
        ("cases/jpeg/gray.jpg", Space::Gray),
        ("cases/jpeg/progressive.jpg", Space::Rgb),
        ("cases/jpeg/restart.jpg", Space::Rgb),
        ("cases/jpeg/arithmetic.jpg", Space::Rgb),
        ("cases/jpeg/separate-scans.jpg", Space::Rgb),
        ("images/cmyk.jpg", Space::Cmyk),
    ] {
        let bytes = file(name);
        let whole = full(&bytes);
        assert!(whole.report.warnings.is_empty(), "{name}");
        assert_eq!(whole.report.taken, bytes.len(), "{name}");
        let whole = whole.image.unwrap();
        assert_eq!(whole.space, space, "{name}");
        for scale in [Scale::Half, Scale::Quarter, Scale::Eighth] {
            let small = decode(&bytes, scale, &LIMITS).image.unwrap();
            let side = |length: u32| length.div_ceil(scale.divisor());
            assert_eq!(
                (small.width, small.height),
                (side(whole.width), side(whole.height)),
                "{name}"
            );
            let mean = |samples: &[u8]| {
                samples.iter().map(|&sample| f64::from(sample)).sum::<f64>() / samples.len() as f64
            };
            assert!(
                (mean(&small.samples) - mean(&whole.samples)).abs() < 4.0,
                "{name}"
            );
        }
    }
}

#[test]
fn what_is_missing_is_told_with_its_place() {
    let good = file("cases/jpeg/baseline.jpg");
    let cut = full(&good[..good.len() / 2]);
    assert!(cut.image.is_ok());
    let [warning] = cut.report.warnings.as_slice() else {
        panic!("{:?}", cut.report.warnings);
    };
    assert_eq!(warning.trouble, Trouble::DataEndEarly);
    assert_eq!(warning.place.scan, 1);
    assert!((4..14).contains(&warning.place.row), "{warning:?}");
    assert!(cut.report.ran_out.is_some());
    let mut longer = good.clone();
    longer.splice(good.len() - 2..good.len() - 2, [7; 40]);
    let longer = full(&longer);
    assert!(matches!(
        longer.report.warnings.as_slice(),
        [warning] if matches!(warning.trouble, Trouble::LeftOver(32..=40))
    ));
}

#[test]
fn errors_are_values() {
    let good = file("cases/jpeg/baseline.jpg");
    let frame = good
        .windows(2)
        .position(|marker| marker == [0xff, 0xc0])
        .unwrap();
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        full(&bytes).image.unwrap_err().0
    };
    assert!(
        matches!(with(frame + 4, 12), Failure::Unsupported(text) if text == "with 12 bits per sample")
    );
    assert!(matches!(with(frame + 1, 0xc3), Failure::Unsupported(_)));
    assert!(matches!(with(frame + 11, 0x55), Failure::Corrupt(_)));
    assert!(matches!(
        full(b"").image.unwrap_err().0,
        Failure::Corrupt(_)
    ));
    assert!(matches!(
        full(b"\xff\xd8\xff\xd9").image.unwrap_err().0,
        Failure::Corrupt(_)
    ));
    assert!(full(&good[..frame + 6]).image.is_err());
}

#[test]
fn limits_come_before_memory_and_time() {
    let bytes = file("cases/jpeg/progressive.jpg");
    let refused = |limits: Limits| match decode(&bytes, Scale::Eighth, &limits).image {
        Err((Failure::Limit(_), _)) => true,
        other => panic!("{other:?}"),
    };
    assert!(refused(Limits {
        max_pixels: 1000,
        ..LIMITS
    }));
    assert!(refused(Limits {
        max_memory: 200_000,
        ..LIMITS
    }));
    assert!(refused(Limits {
        max_scans: 3,
        ..LIMITS
    }));
}

#[test]
fn bytes_of_chance_never_end_the_process() {
    let mut state = 1_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for name in ["baseline", "progressive", "arithmetic", "restart"] {
        let good = file(&format!("cases/jpeg/{name}.jpg"));
        for _ in 0..60 {
            let mut bytes = good.clone();
            for _ in 0..1 + next() % 6 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            let _ = decode(&bytes, Scale::Half, &LIMITS);
        }
    }
}
