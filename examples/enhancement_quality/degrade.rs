//! Faults put on good pictures on purpose, as a camera would have made them: too little light, with the
//! noise that comes with it, and the light's colour left in. What the enhancement makes of the result is
//! measured against the picture as it was.

use remedia::imaging::color::TransferTables;
use remedia::imaging::{
    DecodeError, DecodeLimits, EncodeError, JpegOptions, Picture, Samples, decode, encode_jpeg,
};

/// Variance of the shot noise for each unit of linear light, and deviation of the read noise: a small
/// sensor at ISO 400.
const SHOT_NOISE: f64 = 0.000_2;
const READ_NOISE: f64 = 0.001_5;

/// A fault of a photo.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// How the table calls it.
    pub(crate) name: &'static str,
    /// Exposure in EV.
    exposure_ev: f64,
    /// Linear gains of red, green and blue.
    light: [f64; 3],
}

/// What is put on every picture.
pub(crate) const FAULTS: [Fault; 4] = [
    Fault {
        name: "1 EV under",
        exposure_ev: -1.0,
        light: [1.0; 3],
    },
    Fault {
        name: "tungsten",
        exposure_ev: 0.0,
        light: [1.12, 0.98, 0.62],
    },
    Fault {
        name: "green",
        exposure_ev: 0.0,
        light: [0.88, 1.06, 0.82],
    },
    Fault {
        name: "1 EV under, tungsten",
        exposure_ev: -1.0,
        light: [1.12, 0.98, 0.62],
    },
];

impl Fault {
    /// The picture with this fault and the camera's noise, through a JPEG of quality 92. The same picture
    /// gives the same result every time.
    pub(crate) fn put_on(&self, picture: &Picture) -> Result<Picture, super::Failure> {
        let tables = TransferTables::shared();
        let Samples::Eight(samples) = &picture.samples else {
            return Err("faults are put on pictures of 8 bits".into());
        };
        let gain = self.exposure_ev.exp2();
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let samples = samples
            .iter()
            .enumerate()
            .map(|(index, &sample)| {
                let light = f64::from(tables.decode_eight(sample)) * gain * self.light[index % 3];
                let deviation = (SHOT_NOISE * light + READ_NOISE * READ_NOISE).sqrt();
                let light = (light + deviation * random.normal()).clamp(0.0, 1.0);
                (tables.encode_sixteen(light as f32) / 257) as u8
            })
            .collect();
        let faulty = Picture {
            samples: Samples::Eight(samples),
            ..*picture
        };
        through_jpeg(&faulty)
    }
}

fn through_jpeg(picture: &Picture) -> Result<Picture, super::Failure> {
    let bytes =
        encode_jpeg(picture, &JpegOptions::default()).map_err(|error: EncodeError| error)?;
    let decoded: Result<Picture, DecodeError> = decode(&bytes, &DecodeLimits::default());
    Ok(decoded?.into_eight())
}

/// A small generator of random numbers (Steele, Lea and Flood's SplitMix64, 2014): noise that is the same
/// on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// Nearly normal: mean 0, deviation 1, as the sum of twelve even numbers of 16 bits.
    fn normal(&mut self) -> f64 {
        let mut sum = 0.0;
        for _ in 0..3 {
            let bits = self.next();
            for part in 0..4 {
                sum += ((bits >> (16 * part)) & 0xffff) as f64;
            }
        }
        sum / 65_535.0 - 6.0
    }
}
