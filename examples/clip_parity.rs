//! Compares embeddings with those of the reference implementation, transformers on PyTorch:
//!
//!     python3 fixtures/clip/regenerate.py full FOLDER --model base     # or large, laion
//!     cargo run --release --example clip_parity -- FOLDER
//!
//! Prints the lowest cosine and the largest difference over all texts and pictures, and fails below a cosine
//! of 0.99999.

#![expect(clippy::print_stdout, reason = "it reports to its caller")]

use std::path::Path;

use anyhow::{Context as _, bail};
use remedia::imaging::{DecodeLimits, decode};
use remedia::local::clip::{ClipFiles, ClipModel, Embedding};
use serde::Deserialize;

const LOWEST_COSINE: f64 = 0.999_99;

#[derive(Deserialize)]
struct Expected {
    logit_scale: f64,
    texts: Vec<ExpectedText>,
    pictures: Vec<ExpectedPicture>,
}

#[derive(Deserialize)]
struct ExpectedText {
    text: String,
    embedding: Vec<f64>,
}

#[derive(Deserialize)]
struct ExpectedPicture {
    file: String,
    embedding: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).context("name the folder")?;
    let folder = Path::new(&folder);
    let expected = fs_err::read(folder.join("expected.json"))?;
    let expected: Expected = serde_json::from_slice(&expected)?;
    let model = ClipModel::load(&ClipFiles {
        id: "random".to_owned(),
        revision: "random".to_owned(),
        weights: folder.join("model.safetensors"),
        config: folder.join("config.json"),
        tokenizer: folder.join("tokenizer.json"),
        preprocessor: Some(folder.join("preprocessor_config.json")),
    })?;
    println!("weights      {}", model.digest());
    println!(
        "logit scale  {:.6}, reference {:.6}",
        model.logit_scale(),
        expected.logit_scale
    );
    let texts: Vec<&str> = expected
        .texts
        .iter()
        .map(|text| text.text.as_str())
        .collect();
    let theirs = expected.texts.iter().map(|text| text.embedding.as_slice());
    let text = compare("texts", &model.embed_texts(&texts)?, theirs);
    let mut pictures = Vec::new();
    for picture in &expected.pictures {
        let bytes = fs_err::read(folder.join(&picture.file))?;
        pictures.push(decode(&bytes, &DecodeLimits::default())?);
    }
    let pictures: Vec<_> = pictures.iter().collect();
    let theirs = expected
        .pictures
        .iter()
        .map(|picture| picture.embedding.as_slice());
    let image = compare("pictures", &model.embed_images(&pictures)?, theirs);
    if text.min(image) < LOWEST_COSINE {
        bail!("a cosine is below {LOWEST_COSINE}");
    }
    Ok(())
}

fn compare<'a>(name: &str, ours: &[Embedding], theirs: impl Iterator<Item = &'a [f64]>) -> f64 {
    let (mut lowest, mut largest) = (1.0_f64, 0.0_f64);
    for (ours, theirs) in ours.iter().zip(theirs) {
        let (mut product, mut squares) = ([0.0; 2], 0.0);
        for (&ours, &theirs) in ours.values().iter().zip(theirs) {
            let ours = f64::from(ours);
            product[0] += ours * theirs;
            product[1] += ours * ours;
            squares += theirs * theirs;
            largest = largest.max((ours - theirs).abs());
        }
        lowest = lowest.min(product[0] / (product[1] * squares).sqrt());
    }
    println!(
        "{name:12} {} compared, lowest cosine {lowest:.9}, largest difference {largest:.2e}",
        ours.len()
    );
    lowest
}
