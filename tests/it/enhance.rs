//! The classic enhancement keeps its measured promises on the fixture listing, does what its settings
//! say, and gives the same bytes however many threads there are.

use rayon::prelude::*;
use remedia::domain::enhancement::{EnhancementReport, EnhancementSettings, Look, StepSetting};
use remedia::imaging::color::{TransferTables, delta_e_2000, srgb8_to_lab};
use remedia::imaging::{
    DecodeLimits, Picture, Samples, SceneLight, capture, decode, fit, scene_light,
};
use remedia::local::{EnhanceError, SourcePicture, enhance, peak_bytes};

use crate::support::fixture;

const WINDOW_VIEW: u8 = 13;

fn load(relative: &str) -> SourcePicture {
    let bytes = fs_err::read(fixture(&format!("listings/maple-street/{relative}"))).unwrap();
    let capture = capture(&bytes);
    SourcePicture {
        picture: decode(&bytes, &DecodeLimits::default())
            .unwrap()
            .into_eight(),
        iso: capture.iso,
        focal_length_35mm: capture.focal_length_35mm,
        exposure_value: None,
        light: scene_light(&bytes),
    }
}

/// The class of every pixel: the palette's index, which an ordinary decoder would look up.
fn labels(name: &str) -> Vec<u8> {
    let path = fixture(&format!("listings/maple-street/truth/{name}_labels.png"));
    let mut decoder = png::Decoder::new(std::io::BufReader::new(fs_err::File::open(path).unwrap()));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().unwrap();
    let mut labels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut labels).unwrap();
    labels
}

fn samples(picture: &Picture) -> &[u8] {
    match &picture.samples {
        Samples::Eight(samples) => samples,
        Samples::Sixteen(_) => panic!("expected 8-bit samples"),
    }
}

/// The mean CIEDE2000 difference over every fourth pixel that counts.
fn difference(first: &Picture, second: &Picture, counts: impl Fn(usize) -> bool + Sync) -> f64 {
    assert_eq!((first.width, first.height), (second.width, second.height));
    let lab = |pixel: &[u8]| srgb8_to_lab([pixel[0], pixel[1], pixel[2]]);
    let (first, second) = (samples(first), samples(second));
    let (sum, count) = (0..first.len() / 3)
        .into_par_iter()
        .filter(|index| index % 4 == 0 && counts(*index))
        .map(|index| {
            let pixel = index * 3..index * 3 + 3;
            let difference = delta_e_2000(lab(&first[pixel.clone()]), lab(&second[pixel]));
            (difference, 1_u32)
        })
        .reduce(|| (0.0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    sum / f64::from(count)
}

/// Walls, ceilings and the sky: large surfaces without texture of their own.
const PLAIN: [u8; 3] = [0, 1, 3];

/// What is left of luma behind a high pass.
fn high_pass(picture: &Picture) -> Vec<f32> {
    let luma: Vec<f32> = samples(picture)
        .chunks_exact(3)
        .map(|pixel| {
            0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])
        })
        .collect();
    let (width, height) = (picture.width, picture.height);
    let mut passed = vec![f32::NAN; luma.len()];
    for y in 1..height - 1 {
        for index in y * width + 1..(y + 1) * width - 1 {
            let around =
                luma[index - 1] + luma[index + 1] + luma[index - width] + luma[index + width];
            passed[index] = luma[index] - around / 4.0;
        }
    }
    passed
}

/// The noise of the flat areas: the median deviation behind a high pass, in code values.
fn noise(picture: &Picture, flat: &[usize]) -> f32 {
    let passed = high_pass(picture);
    let mut deviations: Vec<f32> = flat.iter().map(|&index| passed[index].abs()).collect();
    let middle = deviations.len() / 2;
    *deviations.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// The comparison is pixel by pixel, so the geometry stays.
fn aligned() -> EnhancementSettings {
    EnhancementSettings {
        lens_distortion: StepSetting::Off,
        vertical_correction: StepSetting::Off,
        roll_correction: StepSetting::Off,
        ..EnhancementSettings::default()
    }
}

fn enhance_one(
    source: SourcePicture,
    settings: &EnhancementSettings,
    look: &Look,
) -> (Picture, EnhancementReport) {
    enhance(vec![source], 0, settings, look).unwrap()
}

fn small(name: &str) -> SourcePicture {
    let mut source = load(name);
    source.picture = fit(&source.picture, 480).unwrap();
    source
}

/// Only one step on, at this setting.
fn only(change: impl FnOnce(&mut EnhancementSettings)) -> EnhancementSettings {
    let mut settings = EnhancementSettings::all_off();
    change(&mut settings);
    settings
}

fn mean(picture: &Picture, channel: usize) -> f64 {
    let values = samples(picture).iter().skip(channel).step_by(3);
    values.clone().copied().map(f64::from).sum::<f64>() / values.len() as f64
}

#[test]
fn every_photo_of_the_listing_comes_near_its_clean_reference() {
    for (name, least_fall) in [
        ("01-living-a", 0.75),
        ("02-living-b", 0.75),
        ("03-bedroom", 0.75),
        ("04-kitchen", 0.75),
        ("05-bathroom", 0.75),
        ("06-exterior", 0.25),
    ] {
        let photo = load(&format!("{name}.jpg"));
        let clean = load(&format!("truth/{name}_clean.jpg"));
        let labels = labels(name);
        let room = |index: usize| labels[index] != WINDOW_VIEW;
        let before = difference(&photo.picture, &clean.picture, room);
        let (picture, report) = enhance_one(photo, &aligned(), &Look::default());
        let after = difference(&picture, &clean.picture, room);
        let fall = 1.0 - after / before;
        assert!(
            fall >= least_fall,
            "{name}: {before:.2} to {after:.2}, a fall of {:.1} %\n{report:#?}",
            100.0 * fall
        );
        let taken = load(&format!("{name}.jpg")).picture;
        let smooth = high_pass(&clean.picture);
        let dim = |index: usize| {
            samples(&taken)[index * 3..index * 3 + 3]
                .iter()
                .all(|&sample| sample < 200)
        };
        let flat: Vec<usize> = (0..labels.len())
            .filter(|&index| {
                PLAIN.contains(&labels[index]) && smooth[index].abs() < 1.0 && dim(index)
            })
            .collect();
        // Outside only the sky is plain: the boards of the house carry a texture.
        let flat: Vec<usize> = if name == "06-exterior" {
            flat.into_iter()
                .filter(|&index| labels[index] == 0)
                .collect()
        } else {
            flat
        };
        assert!(flat.len() > 100_000, "{name}: {} flat pixels", flat.len());
        let (before, after) = (noise(&taken, &flat), noise(&picture, &flat));
        assert!(
            after <= 0.5 * before,
            "{name}: noise {before:.2} to {after:.2} code values"
        );
    }
}

#[test]
fn a_picture_that_is_good_already_barely_changes() {
    for name in ["01-living-a", "03-bedroom", "04-kitchen", "06-exterior"] {
        let clean = load(&format!("truth/{name}_clean.jpg"));
        let before = clean.picture.clone();
        let mut as_if_from_a_camera = clean.clone();
        as_if_from_a_camera.iso = Some(200);
        as_if_from_a_camera.focal_length_35mm = Some(19.0);
        for (source, most) in [(clean, 1.0), (as_if_from_a_camera, 2.5)] {
            let (after, report) = enhance_one(source, &aligned(), &Look::default());
            let change = difference(&before, &after, |_| true);
            assert!(change < most, "{name}: {change:.2}\n{report:#?}");
        }
    }
}

/// The picture under a light whose colour depends on the place; `gains` are linear, of red, green and blue at a
/// share of the width and the height.
fn lit(picture: &Picture, gains: impl Fn(f32, f32) -> [f32; 3]) -> Picture {
    let tables = TransferTables::shared();
    let mut lit = samples(picture).to_vec();
    for (index, pixel) in lit.chunks_exact_mut(3).enumerate() {
        let across = (index % picture.width) as f32 / picture.width as f32;
        let down = (index / picture.width) as f32 / picture.height as f32;
        for (sample, gain) in pixel.iter_mut().zip(gains(across, down)) {
            let light = (tables.decode_eight(*sample) * gain).min(1.0);
            *sample = u8::try_from(tables.encode_sixteen(light) / 257).unwrap();
        }
    }
    Picture {
        samples: Samples::Eight(lit),
        ..*picture
    }
}

#[test]
fn two_lights_in_one_room_are_balanced_each_and_one_light_is_left_even() {
    let settings = only(|settings| settings.white_balance = StepSetting::Auto);
    // Daylight on the left, a lamp on the right: warmth from -0.4 to 0.6.
    let warmth = |across: f32| across * across * (3.0 - 2.0 * across) - 0.4;
    let light = |warmth: f32| [(0.3 * warmth).exp(), 1.0, (-0.8 * warmth).exp()];
    for name in ["03-bedroom", "04-kitchen", "05-bathroom"] {
        let mut source = small(&format!("truth/{name}_clean.jpg"));
        source.iso = Some(400);
        source.focal_length_35mm = Some(20.0);
        let clean = source.picture.clone();
        let everywhere = |_: usize| true;

        let (after, report) = enhance_one(source.clone(), &settings, &Look::default());
        let parameters = &report.step("white_balance").unwrap().parameters;
        assert!(!parameters.contains_key("mixed_light_strength"), "{name}");
        assert!(difference(&clean, &after, everywhere) < 1.0, "{name}");

        source.picture = lit(&clean, |across, _| light(warmth(across)));
        // The best that one balance can do: the mean of the light taken out.
        let mean = (0..1000)
            .map(|step| warmth(step as f32 / 1000.0))
            .sum::<f32>()
            / 1000.0;
        let global = lit(&source.picture, |_, _| light(mean).map(|gain| 1.0 / gain));
        let (local, report) = enhance_one(source, &settings, &Look::default());
        let parameters = &report.step("white_balance").unwrap().parameters;
        assert!(parameters["mixed_light_strength"] > 0.5, "{name}");
        let (global, local) = (
            difference(&clean, &global, everywhere),
            difference(&clean, &local, everywhere),
        );
        assert!(
            local <= 0.5 * global,
            "{name}: {global:.2} with one balance, {local:.2} with two"
        );
    }
}

#[test]
fn the_mood_of_a_dark_picture_stays_and_an_exposure_that_failed_does_not() {
    // A picture that an editor set: blacks, bright spots, no camera's word.
    let clean = small("truth/01-living-a_clean.jpg");
    let tables = TransferTables::shared();
    let moody: Vec<u8> = samples(&clean.picture)
        .iter()
        .map(|&sample| {
            let light = tables.decode_eight(sample);
            u8::try_from(tables.encode_sixteen(light.powf(2.2)) / 257).unwrap()
        })
        .collect();
    let moody = SourcePicture {
        picture: Picture {
            samples: Samples::Eight(moody),
            ..clean.picture
        },
        iso: None,
        focal_length_35mm: None,
        exposure_value: None,
        light: SceneLight::default(),
    };
    let (after, report) = enhance_one(moody.clone(), &aligned(), &Look::default());
    let change = difference(&moody.picture, &after, |_| true);
    assert!(change < 4.0, "{change:.2}\n{report:#?}");

    // Half the light, because a lamp in the picture misled the meter.
    let (width, height) = (clean.picture.width, clean.picture.height);
    let lamp = |across: f32, down: f32| across < 0.2 && down < 0.2;
    let mut dark = clean.clone();
    dark.picture = lit(&clean.picture, |across, down| {
        if lamp(across, down) {
            [100.0; 3]
        } else {
            [0.5; 3]
        }
    });
    dark.iso = Some(200);
    let room = |index: usize| {
        let (x, y) = (index % width, index / width);
        !lamp(x as f32 / width as f32, y as f32 / height as f32)
    };
    let before = difference(&clean.picture, &dark.picture, room);
    let (after, report) = enhance_one(dark, &aligned(), &Look::default());
    let left = difference(&clean.picture, &after, room);
    assert!(left < 0.5 * before, "{before:.2} to {left:.2}\n{report:#?}");
}

#[test]
fn a_bracket_brings_the_view_through_the_windows_back() {
    let exposures: Vec<SourcePicture> = [-2.0, 0.0, 2.0]
        .into_iter()
        .map(|offset| {
            let mut exposure = load(&format!("01-living-a_bracket{offset:+}.jpg"));
            exposure.exposure_value = Some(offset);
            exposure
        })
        .collect();
    let clean = load("truth/01-living-a_clean.jpg").picture;
    let labels = labels("01-living-a");
    let panes = |index: usize| labels[index] == WINDOW_VIEW;
    let room = |index: usize| labels[index] != WINDOW_VIEW;
    let taken = difference(&exposures[1].picture, &clean, room);
    let best = exposures
        .iter()
        .map(|exposure| difference(&exposure.picture, &clean, panes))
        .fold(f64::INFINITY, f64::min);
    let (fused, report) = enhance(exposures, 1, &aligned(), &Look::default()).unwrap();
    assert!(report.step("exposure_fusion").unwrap().applied);
    let together = difference(&fused, &clean, panes);
    assert!(
        together <= 0.6 * best,
        "panes: {best:.2} in the best exposure as taken, {together:.2} from the bracket"
    );
    let in_room = difference(&fused, &clean, room);
    assert!(
        in_room < 0.25 * taken,
        "room: {taken:.2} as taken, {in_room:.2} from the bracket"
    );
}

#[test]
fn everything_off_changes_no_byte() {
    let source = small("02-living-b.jpg");
    let before = source.picture.clone();
    let (after, report) = enhance_one(source, &EnhancementSettings::all_off(), &Look::default());
    assert_eq!(before, after);
    assert!(report.steps.iter().all(|step| !step.applied), "{report:#?}");
}

#[test]
fn the_report_names_every_step_in_the_order_of_application() {
    let (_, report) = enhance_one(
        small("04-kitchen.jpg"),
        &EnhancementSettings::default(),
        &Look::default(),
    );
    let names: Vec<&str> = report.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "noise_reduction",
            "vignetting",
            "white_balance",
            "exposure",
            "shadows",
            "highlights",
            "lens_distortion",
            "vertical_correction",
            "roll_correction",
            "sharpening",
            "look",
        ]
    );
    for step in &report.steps {
        assert!(step.applied || step.reason.is_some(), "{step:?}");
        assert!(step.parameters.values().all(|value| value.is_finite()));
    }
}

#[test]
fn fixed_values_are_used_and_reported() {
    let source = small("03-bedroom.jpg");
    let neutral = Look::default();

    let settings = only(|settings| settings.exposure = StepSetting::Fixed(1.0));
    let (brighter, report) = enhance_one(source.clone(), &settings, &neutral);
    assert_eq!(report.step("exposure").unwrap().parameters["gain_ev"], 1.0);
    assert!(mean(&brighter, 1) > 1.25 * mean(&source.picture, 1));
    let settings = only(|settings| settings.exposure = StepSetting::Fixed(-1.0));
    let (darker, _) = enhance_one(source.clone(), &settings, &neutral);
    assert!(mean(&darker, 1) < 0.8 * mean(&source.picture, 1));

    let settings = only(|settings| settings.white_balance = StepSetting::Fixed(3000.0));
    let (cooler, report) = enhance_one(source.clone(), &settings, &neutral);
    let kelvin = report.step("white_balance").unwrap().parameters["scene_temperature_kelvin"];
    assert!((kelvin - 3000.0).abs() < 150.0, "{kelvin}");
    assert!(mean(&cooler, 2) > 1.1 * mean(&source.picture, 2));
    assert!(mean(&cooler, 0) < mean(&source.picture, 0));

    let settings = only(|settings| settings.vignetting = StepSetting::Fixed(1.0));
    let (even, report) = enhance_one(source.clone(), &settings, &neutral);
    assert!(report.step("vignetting").unwrap().parameters["corner_gain_ev"] > 0.2);
    assert!(samples(&even)[0] > samples(&source.picture)[0]);

    let settings = only(|settings| settings.shadows = StepSetting::Fixed(1.0));
    let (opened, report) = enhance_one(source.clone(), &settings, &neutral);
    assert!(report.step("shadows").unwrap().applied);
    assert!(mean(&opened, 1) > mean(&source.picture, 1));
}

#[test]
fn the_look_warms_bends_and_colours_a_little() {
    let source = small("05-bathroom.jpg");
    let off = EnhancementSettings::all_off();
    let look = |warmth, contrast, saturation| Look {
        warmth,
        contrast,
        saturation,
    };
    let (warm, report) = enhance_one(source.clone(), &off, &look(1.0, 0.0, 0.0));
    assert!(report.step("look").unwrap().applied);
    let ratio = |picture: &Picture| mean(picture, 0) / mean(picture, 2);
    assert!(ratio(&warm) > 1.02 * ratio(&source.picture));
    let (cool, _) = enhance_one(source.clone(), &off, &look(-1.0, 0.0, 0.0));
    assert!(ratio(&cool) < 0.98 * ratio(&source.picture));

    let spread = |picture: &Picture| {
        let middle = mean(picture, 1);
        let greens = samples(picture).iter().skip(1).step_by(3);
        greens
            .map(|&green| (f64::from(green) - middle).abs())
            .sum::<f64>()
    };
    let (bent, _) = enhance_one(source.clone(), &off, &look(0.0, 1.0, 0.0));
    assert!(spread(&bent) > spread(&source.picture));

    let (pale, _) = enhance_one(source.clone(), &off, &look(0.0, 0.0, -1.0));
    let chroma = |picture: &Picture| {
        samples(picture)
            .chunks(3)
            .map(|pixel| f64::from(pixel[0].abs_diff(pixel[2])))
            .sum::<f64>()
    };
    assert!(chroma(&pale) < 0.9 * chroma(&source.picture));
    for picture in [&warm, &cool, &bent, &pale] {
        let change = difference(&source.picture, picture, |_| true);
        assert!((0.2..6.0).contains(&change), "{change}");
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let with_threads = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let look = Look {
            warmth: 0.3,
            contrast: 0.2,
            saturation: 0.1,
        };
        pool.install(|| {
            enhance_one(
                small("01-living-a.jpg"),
                &EnhancementSettings::default(),
                &look,
            )
        })
    };
    let (alone, report) = with_threads(1);
    for threads in [2, 5] {
        let (together, same_report) = with_threads(threads);
        assert_eq!(samples(&alone), samples(&together));
        assert_eq!(report, same_report);
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    let settings = EnhancementSettings::default();
    let neutral = Look::default();
    assert_eq!(
        enhance(Vec::new(), 0, &settings, &neutral).unwrap_err(),
        EnhanceError::NoPicture
    );
    let one = SourcePicture {
        picture: Picture::from_eight(1, 1, vec![90, 120, 60]).unwrap(),
        iso: None,
        focal_length_35mm: None,
        exposure_value: None,
        light: SceneLight::default(),
    };
    assert!(matches!(
        enhance(vec![one.clone()], 1, &settings, &neutral),
        Err(EnhanceError::NoReference { .. })
    ));
    let dark = only(|settings| settings.exposure = StepSetting::Fixed(-8.0));
    let error = enhance(vec![one.clone()], 0, &dark, &neutral).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the fixed value -8 of exposure lies outside -3 to 3"
    );
    let glaring = Look {
        contrast: 2.0,
        ..Look::default()
    };
    assert!(enhance(vec![one.clone()], 0, &settings, &glaring).is_err());
    // The smallest picture there is passes through every step.
    let (same_size, _) = enhance(vec![one], 0, &settings, &neutral).unwrap();
    assert_eq!(same_size.pixels(), 1);
}

#[test]
fn blown_and_black_pictures_stay_what_they_are() {
    for level in [0, 255] {
        let picture = Picture::from_eight(60, 40, vec![level; 60 * 40 * 3]).unwrap();
        let source = SourcePicture {
            picture: picture.clone(),
            iso: Some(400),
            focal_length_35mm: Some(20.0),
            exposure_value: None,
            light: SceneLight::default(),
        };
        let (after, _) = enhance_one(source, &EnhancementSettings::default(), &Look::default());
        assert_eq!(after, picture);
    }
}

#[test]
fn the_memory_bound_grows_with_the_picture_and_the_bracket() {
    let twelve = peak_bytes(4000, 3000, 1);
    assert!(twelve <= 250_000_000, "{twelve}");
    assert!(peak_bytes(4000, 3000, 3) > twelve);
    assert!(peak_bytes(usize::MAX, usize::MAX, 9) == u64::MAX);
}
