//! Speed of CLIP on the processor, with random weights in the published shapes.
//!
//!     cargo bench --bench clip                       # ViT-B/32: eight pictures, eight photos
//!     cargo bench --bench clip -- --against-peer     # the image tower against PyTorch in the same run
//!     cargo bench --bench clip -- --against-peer large
//!
//! The peer needs python3 (or `PYTHON`) with torch and transformers. Both sides get the same eight pictures, the same
//! weights and the same number of threads, and take turns; processor seconds are compared, so that other work
//! on the machine does not count.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{Criterion, Throughput};
use remedia::imaging::{Picture, resize};
use remedia::local::clip::{ClipFiles, ClipModel};
use rustix::time::{ClockId, clock_gettime};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

const BATCH: usize = 8;
const ROUNDS: usize = 7;

/// The numbers of a published model: width, inner width, layers and heads of a tower.
struct Tower {
    width: usize,
    inner: usize,
    layers: usize,
    heads: usize,
}

struct Shape {
    projection: usize,
    patch: usize,
    text: Tower,
    vision: Tower,
}

const BASE: Shape = Shape {
    projection: 512,
    patch: 32,
    text: Tower {
        width: 512,
        inner: 2048,
        layers: 12,
        heads: 8,
    },
    vision: Tower {
        width: 768,
        inner: 3072,
        layers: 12,
        heads: 12,
    },
};

const LARGE: Shape = Shape {
    projection: 768,
    patch: 14,
    text: Tower {
        width: 768,
        inner: 3072,
        layers: 12,
        heads: 12,
    },
    vision: Tower {
        width: 1024,
        inner: 4096,
        layers: 24,
        heads: 16,
    },
};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    let given = |word: &str| arguments.iter().any(|argument| argument == word);
    let shape = if given("large") { LARGE } else { BASE };
    let folder = tempfile::tempdir()?;
    let model = write_model(folder.path(), &shape)?;
    if given("--against-peer") {
        return against_peer(folder.path(), &model);
    }
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(10))
        .configure_from_args();
    let small = pictures(224, 224)?;
    let small: Vec<_> = small.iter().collect();
    let photos = pictures(4000, 3000)?;
    let photos: Vec<_> = photos.iter().collect();
    let mut group = criterion.benchmark_group("clip");
    group.throughput(Throughput::Elements(u64::try_from(BATCH)?));
    group.bench_function("eight pictures of 224 x 224", |bencher| {
        bencher.iter(|| model.embed_images(&small));
    });
    group.bench_function("eight photos of 12 megapixels", |bencher| {
        bencher.iter(|| model.embed_images(&photos));
    });
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// Eight different pictures of this size.
fn pictures(width: usize, height: usize) -> Result<Vec<Picture>, Failure> {
    let mut random = Random(1);
    (0..BATCH)
        .map(|_| {
            let samples = (0..60 * 45 * 3).map(|_| random.byte()).collect();
            let small = Picture::from_eight(60, 45, samples).ok_or("the size fits")?;
            Ok(resize(&small, width, height)?)
        })
        .collect()
}

struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// Within ±`size`.
    fn number(&mut self, size: f32) -> f32 {
        (self.next() as f32 / u32::MAX as f32 - 0.5) * 2.0 * size
    }
}

/// A model of random weights in the form of a Hugging Face repository.
fn write_model(folder: &Path, shape: &Shape) -> Result<ClipModel, Failure> {
    const VOCABULARY: usize = 49_408;
    let mut shapes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut add = |name: String, shape: &[usize]| shapes.insert(name, shape.to_vec());
    for (tower, prefix) in [(&shape.text, "text_model"), (&shape.vision, "vision_model")] {
        let width = tower.width;
        for layer in 0..tower.layers {
            let layer = format!("{prefix}.encoder.layers.{layer}");
            for (name, outputs, inputs) in [
                ("self_attn.q_proj", width, width),
                ("self_attn.k_proj", width, width),
                ("self_attn.v_proj", width, width),
                ("self_attn.out_proj", width, width),
                ("mlp.fc1", tower.inner, width),
                ("mlp.fc2", width, tower.inner),
            ] {
                add(format!("{layer}.{name}.weight"), &[outputs, inputs]);
                add(format!("{layer}.{name}.bias"), &[outputs]);
            }
            for name in ["layer_norm1", "layer_norm2"] {
                add(format!("{layer}.{name}.weight"), &[width]);
                add(format!("{layer}.{name}.bias"), &[width]);
            }
        }
    }
    let (text, vision) = (shape.text.width, shape.vision.width);
    for (name, width) in [
        ("text_model.final_layer_norm", text),
        ("vision_model.pre_layrnorm", vision),
        ("vision_model.post_layernorm", vision),
    ] {
        add(format!("{name}.weight"), &[width]);
        add(format!("{name}.bias"), &[width]);
    }
    let patches = (224 / shape.patch) * (224 / shape.patch);
    for (name, shape) in [
        (
            "text_model.embeddings.token_embedding.weight",
            vec![VOCABULARY, text],
        ),
        (
            "text_model.embeddings.position_embedding.weight",
            vec![77, text],
        ),
        ("vision_model.embeddings.class_embedding", vec![vision]),
        (
            "vision_model.embeddings.patch_embedding.weight",
            vec![vision, 3, shape.patch, shape.patch],
        ),
        (
            "vision_model.embeddings.position_embedding.weight",
            vec![patches + 1, vision],
        ),
        ("text_projection.weight", vec![shape.projection, text]),
        ("visual_projection.weight", vec![shape.projection, vision]),
        ("logit_scale", vec![]),
    ] {
        add(name.to_owned(), &shape);
    }
    let mut random = Random(7);
    let mut tensors = Vec::new();
    for (name, shape) in shapes {
        let count: usize = shape.iter().product();
        let middle = match name.as_str() {
            "logit_scale" => 4.6052,
            name if name.contains("norm") && name.ends_with("weight") => 1.0,
            _ => 0.0,
        };
        let inputs: usize = shape.iter().skip(1).product();
        let size = if shape.len() < 2 {
            0.02
        } else {
            1.2 / (inputs as f32).sqrt()
        };
        let size = if name == "logit_scale" { 0.0 } else { size };
        let bytes: Vec<u8> = (0..count)
            .flat_map(|_| (middle + random.number(size)).to_le_bytes())
            .collect();
        tensors.push((name, shape, bytes));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let path = |name: &str| folder.join(name);
    let note = [("format".to_owned(), "pt".to_owned())]
        .into_iter()
        .collect();
    serialize_to_file(views, Some(note), &path("model.safetensors"))?;
    let tower = |tower: &Tower| {
        json!({
            "hidden_size": tower.width, "intermediate_size": tower.inner,
            "num_hidden_layers": tower.layers, "num_attention_heads": tower.heads,
        })
    };
    let mut config = json!({
        "architectures": ["CLIPModel"], "model_type": "clip", "projection_dim": shape.projection,
        "text_config": tower(&shape.text), "vision_config": tower(&shape.vision),
    });
    config["vision_config"]["patch_size"] = shape.patch.into();
    config["vision_config"]["projection_dim"] = shape.projection.into();
    fs_err::write(path("config.json"), config.to_string())?;
    let tokenizer = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/fixtures/clip/tiny/openai/tokenizer.json"
    );
    Ok(ClipModel::load(&ClipFiles {
        id: "random".to_owned(),
        revision: "random".to_owned(),
        weights: path("model.safetensors"),
        config: path("config.json"),
        tokenizer: tokenizer.into(),
        preprocessor: None,
    })?)
}

/// Processor seconds of this process and all its threads.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn wall_seconds() -> f64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn against_peer(folder: &Path, model: &ClipModel) -> Result<(), Failure> {
    let pictures = pictures(224, 224)?;
    let pictures: Vec<_> = pictures.iter().collect();
    let raw: Vec<u8> = pictures
        .iter()
        .flat_map(|picture| match &picture.samples {
            remedia::imaging::Samples::Eight(samples) => samples.clone(),
            remedia::imaging::Samples::Sixteen(_) => Vec::new(),
        })
        .collect();
    fs_err::write(folder.join("pictures.raw"), raw)?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peer_clip.py");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut peer = Command::new(python)
        .arg(script)
        .arg(folder)
        .arg(rayon::current_num_threads().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut ask = peer.stdin.take().ok_or("the peer has an input")?;
    let mut answers = BufReader::new(peer.stdout.take().ok_or("the peer has an output")?).lines();
    let mut answer = || -> Result<String, Failure> { Ok(answers.next().ok_or("the peer ended")??) };
    let theirs: Vec<Vec<f64>> = serde_json::from_str(&answer()?)?;
    let ours = model.embed_images(&pictures)?;
    let lowest = ours
        .iter()
        .zip(&theirs)
        .map(|(ours, theirs)| {
            let pairs = ours.values().iter().zip(theirs);
            pairs.map(|(&ours, &theirs)| f64::from(ours) * theirs).sum()
        })
        .fold(1.0, f64::min);
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let before = (processor_seconds(), wall_seconds());
        model.embed_images(&pictures)?;
        times[0].push(processor_seconds() - before.0);
        times[1].push(wall_seconds() - before.1);
        writeln!(ask, "go")?;
        let theirs: [f64; 2] = serde_json::from_str(&answer()?)?;
        times[2].push(theirs[0]);
        times[3].push(theirs[1]);
    }
    drop(ask);
    peer.wait()?;
    let [ours, our_wall, theirs, their_wall] = times.map(median);
    let mut out = std::io::stdout().lock();
    writeln!(out, "lowest cosine between both   {lowest:.9}")?;
    writeln!(
        out,
        "remedia   {ours:.3} processor seconds, {our_wall:.3} s for {BATCH} pictures"
    )?;
    writeln!(
        out,
        "PyTorch   {theirs:.3} processor seconds, {their_wall:.3} s for {BATCH} pictures"
    )?;
    writeln!(
        out,
        "ratio     {:.2} in processor seconds, {:.2} in time (above 1: remedia is faster)",
        theirs / ours,
        their_wall / our_wall
    )?;
    Ok(())
}
