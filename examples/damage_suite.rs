//! Does damage to houses and asks the structure gates: how much of it they catch, and how many
//! acceptable changes they take for damage.
//!
//! `cargo run --release --example damage_suite -- [--photos FOLDER]... [--no-fixture] [--cases N] [--side PIXELS] [--seed N] [--half first|second] [--only TEXT] [--values]`
//!
//! Without `--photos` the fixture listing is used: its clean views with their label maps, and the
//! truth-staged view. With it, every JPEG of the folders too, with furniture-like blobs as masks;
//! `--half` takes every other photo of the folders, so that limits can be set by one half and reported on the other.
//! `--only` takes the changes whose name contains the text, `--values` prints what each gate measured, one line a case.
//!
//! `flagged` are the cases that a gate took for damage; `person` those that none did but that have too
//! little to judge by, so that they are never passed silently.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use remedia::domain::structure::{
    StructureFault, StructureReport, StructureSubject, StructureThresholds,
};
use remedia::imaging::{DecodeLimits, Picture, decode, decode_plane, resize};
use remedia::validate::structure::judge_structure;

#[path = "../tests/it/support/damage.rs"]
mod damage;

use damage::{Change, Random, Scene, blobs, changed, openings};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

struct Options {
    photos: Vec<PathBuf>,
    fixture: bool,
    cases: usize,
    side: usize,
    seed: u64,
    half: Option<usize>,
    only: Option<String>,
    values: bool,
}

fn options() -> Result<Options> {
    let mut options = Options {
        photos: Vec::new(),
        fixture: true,
        cases: 100,
        side: 1536,
        seed: 2026,
        half: None,
        only: None,
        values: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--photos" => options.photos.push(value()?.into()),
            "--no-fixture" => options.fixture = false,
            "--cases" => options.cases = value()?.parse()?,
            "--side" => options.side = value()?.parse()?,
            "--seed" => options.seed = value()?.parse()?,
            "--half" => options.half = Some(usize::from(value()? == "second")),
            "--only" => options.only = Some(value()?),
            "--values" => options.values = true,
            other => return Err(format!("{other} is not known").into()),
        }
    }
    Ok(options)
}

/// What the gates said about all cases of one change.
#[derive(Default)]
struct Tally {
    cases: usize,
    /// Cases that a gate took for damage.
    flagged: usize,
    /// Cases that no gate took for damage, but that a person has to look at.
    unjudged: usize,
    faults: BTreeMap<StructureFault, usize>,
    /// Cases that went the wrong way.
    wrong: Vec<String>,
}

impl Tally {
    fn count(&mut self, name: &str, report: &StructureReport, damage: bool) {
        self.cases += 1;
        let unjudged = report.faults == [StructureFault::NotJudgeable];
        let flagged = !report.passed() && !unjudged;
        self.unjudged += usize::from(unjudged);
        self.flagged += usize::from(flagged);
        for fault in &report.faults {
            *self.faults.entry(*fault).or_default() += 1;
        }
        let wrong = if damage { report.passed() } else { flagged };
        if wrong && !self.wrong.iter().any(|known| known == name) {
            self.wrong.push(name.to_owned());
        }
    }
}

/// Damage that is looked at and for which no target is set: a thousandth of the frame that bends alone, and a
/// lens that changes by half a percent.
const BEYOND: [&str; 2] = ["one place bent 6 px", "lens changed 0.5 %"];

fn main() -> Result<()> {
    let options = options()?;
    let mut out = std::io::stdout().lock();
    let mut scenes = Vec::new();
    if options.fixture {
        scenes.extend(fixture_scenes(options.side)?);
    }
    for folder in &options.photos {
        scenes.extend(folder_scenes(folder, &options)?);
    }
    if scenes.is_empty() {
        return Err("there are no photos".into());
    }
    writeln!(
        out,
        "{} photos, long side {}, {} cases of each change, seed {}",
        scenes.len(),
        options.side,
        options.cases,
        options.seed
    )?;
    let mut failed = false;
    for (title, changes, damage) in [
        ("damage", Change::DAMAGE, true),
        ("acceptable", Change::ACCEPTABLE, false),
    ] {
        writeln!(
            out,
            "\n{title:28} cases flagged /100 person | tile drift detail shift surface colour"
        )?;
        let (mut all, mut flagged) = (0, 0);
        let wanted = |name: &str| options.only.as_ref().is_none_or(|text| name.contains(text));
        for (name, change) in changes.iter().filter(|(name, _)| wanted(name)) {
            let tally = run(&scenes, name, *change, damage, &options, &mut out)?;
            print(&mut out, name, &tally)?;
            all += tally.cases;
            flagged += tally.flagged;
            let bound = damage && !BEYOND.contains(name);
            failed |= bound && (tally.flagged + tally.unjudged) * 100 < tally.cases * 98;
        }
        if options.fixture && !damage && options.only.is_none() {
            let tally = staged(options.side)?;
            print(&mut out, "truth staging, its mask", &tally)?;
            all += tally.cases;
            flagged += tally.flagged;
        }
        writeln!(
            out,
            "{:28} {all:5} {flagged:7} {:5.1}",
            "all",
            100.0 * flagged as f64 / all.max(1) as f64
        )?;
        failed |= !damage && flagged * 100 > all;
    }
    if failed {
        return Err("a target was missed: 98 of 100 of each damage, 1 of 100 false alarms".into());
    }
    Ok(())
}

fn run(
    scenes: &[Scene],
    name: &str,
    change: Change,
    damage: bool,
    options: &Options,
    out: &mut impl std::io::Write,
) -> Result<Tally> {
    let thresholds = StructureThresholds::default();
    let mut tally = Tally::default();
    let mut tries = 0;
    while tally.cases < options.cases && tries < 4 * options.cases {
        let scene = &scenes[tries % scenes.len()];
        let mut random = Random::new(
            options
                .seed
                .wrapping_mul(1_000_003)
                .wrapping_add(tries as u64 * 7919)
                .wrapping_add(name.bytes().map(u64::from).sum::<u64>() << 32),
        );
        tries += 1;
        let mut scene = scene.clone();
        scene.mask = blobs(scene.photo.width, scene.photo.height, &mut random);
        let Some(candidate) = changed(&scene, change, &mut random) else {
            continue;
        };
        let report = judge_structure(
            &scene.photo,
            &candidate,
            &scene.mask,
            StructureSubject::Generated,
            &thresholds,
        )?;
        if options.values {
            values(out, name, &scene.name, &report)?;
        }
        tally.count(&scene.name, &report, damage);
    }
    Ok(tally)
}

fn values(
    out: &mut impl std::io::Write,
    change: &str,
    photo: &str,
    report: &StructureReport,
) -> Result<()> {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.4}"));
    writeln!(
        out,
        "V\t{change}\t{photo}\t{}\t{}\t{}\t{}\t{}\t{}\t{:.2}\t{:?}",
        number(report.worst_tile.map(|one| one.correlation)),
        number(report.drift.map(|one| one.percent)),
        number(report.detail_ratio),
        number(report.local_shift.map(|one| one.percent)),
        number(report.worst_surface.map(|one| one.steps)),
        number(report.worst_colour.map(|one| one.steps)),
        report.visible_share,
        report.faults
    )?;
    Ok(())
}

fn print(out: &mut impl std::io::Write, name: &str, tally: &Tally) -> Result<()> {
    let of = |fault| tally.faults.get(&fault).copied().unwrap_or(0);
    write!(
        out,
        "{name:28} {:5} {:7} {:5.1} {:6} | {:4} {:5} {:6} {:5} {:7} {:6}",
        tally.cases,
        tally.flagged,
        100.0 * tally.flagged as f64 / tally.cases.max(1) as f64,
        tally.unjudged,
        of(StructureFault::TileChanged),
        of(StructureFault::Drift),
        of(StructureFault::DetailLost),
        of(StructureFault::LocalShift),
        of(StructureFault::SurfaceChanged),
        of(StructureFault::ColourChanged),
    )?;
    if tally.wrong.is_empty() {
        writeln!(out)?;
    } else {
        writeln!(out, "  wrong: {}", tally.wrong.join(" "))?;
    }
    out.flush()?;
    Ok(())
}

fn fixture_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/listings/maple-street/truth")
}

fn read(path: &Path, side: usize) -> Result<Picture> {
    let picture = decode(&fs_err::read(path)?, &DecodeLimits::default())?.into_eight();
    let long = picture.width.max(picture.height);
    // Never enlarged: an enlarged photo has no detail to lose.
    let side = side.min(long);
    let scaled = |length: usize| ((length * side) as f64 / long as f64).round() as usize;
    Ok(resize(
        &picture,
        scaled(picture.width),
        scaled(picture.height),
    )?)
}

fn fixture_scenes(side: usize) -> Result<Vec<Scene>> {
    const NAMES: [&str; 6] = [
        "01-living-a",
        "02-living-b",
        "03-bedroom",
        "04-kitchen",
        "05-bathroom",
        "06-exterior",
    ];
    let folder = fixture_folder();
    let mut scenes = Vec::new();
    for name in NAMES {
        let photo = read(&folder.join(format!("{name}_clean.jpg")), side)?;
        let labels = fs_err::read(folder.join(format!("{name}_labels.png")))?;
        let labels = decode_plane(&labels, &DecodeLimits::default())?;
        let (width, height) = (photo.width, photo.height);
        let mut known = openings(&labels, &[4, 13], width, height);
        known.extend(openings(&labels, &[5], width, height));
        scenes.push(Scene {
            name: name.to_owned(),
            mask: blobs(width, height, &mut Random::new(1)),
            openings: known,
            photo,
        });
    }
    Ok(scenes)
}

fn folder_scenes(folder: &Path, options: &Options) -> Result<Vec<Scene>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        let jpeg = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("jpg") || ending == "jpeg");
        if jpeg {
            files.push(path);
        }
    }
    files.sort();
    let mut scenes = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if options.half.is_some_and(|half| index % 2 != half) {
            continue;
        }
        let photo = read(file, options.side)?;
        scenes.push(Scene {
            name: file
                .file_stem()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
            mask: blobs(photo.width, photo.height, &mut Random::new(1)),
            openings: Vec::new(),
            photo,
        });
    }
    Ok(scenes)
}

/// The fixture's perfect staging, with its shadows and reflections under its mask.
fn staged(side: usize) -> Result<Tally> {
    let folder = fixture_folder();
    let photo = read(&folder.join("01-living-a_clean.jpg"), side)?;
    let candidate = read(&folder.join("01-living-a_staged.jpg"), side)?;
    let mask = fs_err::read(folder.join("01-living-a_staged_influence_mask.png"))?;
    let mask = decode_plane(&mask, &DecodeLimits::default())?;
    let report = judge_structure(
        &photo,
        &candidate,
        &mask,
        StructureSubject::Generated,
        &StructureThresholds::default(),
    )?;
    let mut tally = Tally::default();
    tally.count("01-living-a", &report, false);
    Ok(tally)
}
