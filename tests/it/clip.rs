//! CLIP against the reference implementation on two tiny models, and what damaged files are answered with.

use std::path::{Path, PathBuf};

use remedia::imaging::{DecodeLimits, Picture, decode};
use remedia::local::clip::{ClipError, ClipFiles, ClipModel, Embedding};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const TINY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/clip/tiny");

fn files(folder: &Path) -> ClipFiles {
    ClipFiles {
        id: "tiny/random".to_owned(),
        revision: "1".to_owned(),
        weights: folder.join("model.safetensors"),
        config: folder.join("config.json"),
        tokenizer: folder.join("tokenizer.json"),
        preprocessor: Some(folder.join("preprocessor_config.json")),
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(TINY).join(name)
}

fn document(path: &Path) -> Value {
    serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap()
}

fn picture(folder: &Path, name: &str) -> Picture {
    let bytes = fs_err::read(folder.join(name)).unwrap();
    decode(&bytes, &DecodeLimits::default()).unwrap()
}

fn assert_close(ours: &Embedding, theirs: &Value, what: &str) {
    let theirs = theirs.as_array().unwrap();
    assert_eq!(ours.values().len(), theirs.len());
    for (&ours, theirs) in ours.values().iter().zip(theirs) {
        let difference = (f64::from(ours) - theirs.as_f64().unwrap()).abs();
        assert!(difference < 2e-6, "{what}: {difference:e}");
    }
}

#[test]
fn embeddings_are_those_of_the_reference() {
    for name in ["openai", "laion"] {
        let folder = folder(name);
        let model = ClipModel::load(&files(&folder)).unwrap();
        let expected = document(&folder.join("expected.json"));
        let scale = expected["logit_scale"].as_f64().unwrap();
        assert!((model.logit_scale() - scale).abs() < 1e-4);
        let texts: Vec<&str> = expected["texts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text["text"].as_str().unwrap())
            .collect();
        let ours = model.embed_texts(&texts).unwrap();
        for (ours, theirs) in ours.iter().zip(expected["texts"].as_array().unwrap()) {
            assert_close(ours, &theirs["embedding"], theirs["text"].as_str().unwrap());
        }
        let pictures: Vec<Picture> = expected["pictures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| picture(&folder, entry["file"].as_str().unwrap()))
            .collect();
        let pictures: Vec<&Picture> = pictures.iter().collect();
        let ours = model.embed_images(&pictures).unwrap();
        for (ours, theirs) in ours.iter().zip(expected["pictures"].as_array().unwrap()) {
            assert_close(ours, &theirs["embedding"], theirs["file"].as_str().unwrap());
        }
    }
}

#[test]
fn what_is_embedded_together_does_not_matter() {
    let folder = folder("openai");
    let model = ClipModel::load(&files(&folder)).unwrap();
    let pictures = ["wide.png", "tall.png", "small.png"].map(|name| picture(&folder, name));
    let many: Vec<&Picture> = pictures.iter().cycle().take(20).collect();
    let together = model.embed_images(&many).unwrap();
    assert_eq!(together.len(), 20);
    for (index, embedding) in together.iter().enumerate() {
        let alone = model.embed_images(&[many[index]]).unwrap();
        assert!(embedding.cosine(&alone[0]) > 0.999_999);
        assert!((embedding.cosine(embedding) - 1.0).abs() < 1e-6);
    }
    let texts: Vec<String> = (0..70)
        .map(|number| "a sofa and a lamp, ".repeat(number % 5) + &number.to_string())
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = model.embed_texts(&texts).unwrap();
    for index in [0, 31, 32, 69] {
        let alone = model.embed_texts(&[texts[index]]).unwrap();
        assert!(together[index].cosine(&alone[0]) > 0.999_999);
    }
    assert!(model.embed_images(&[]).unwrap().is_empty());
    assert!(model.embed_texts(&[]).unwrap().is_empty());
}

#[test]
fn a_model_says_who_it_is_and_can_be_shared() {
    fn shared<T: Send + Sync + std::fmt::Debug>(_: &T) {}
    let folder = folder("laion");
    let model = ClipModel::load(&files(&folder)).unwrap();
    shared(&model);
    assert_eq!((model.id(), model.revision()), ("tiny/random", "1"));
    let bytes = fs_err::read(folder.join("model.safetensors")).unwrap();
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(&bytes));
    assert_eq!(model.digest(), digest);
}

/// A copy of a tiny model with its list of tensors and its bytes changed.
fn damaged(target: &Path, change: impl FnOnce(&mut Value, &mut Vec<u8>)) -> ClipFiles {
    let bytes = fs_err::read(folder("openai").join("model.safetensors")).unwrap();
    let length = usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let mut data = bytes[8 + length..].to_vec();
    change(&mut header, &mut data);
    let header = header.to_string();
    let mut written = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    written.extend(header.as_bytes());
    written.extend(data);
    let path = target.join("model.safetensors");
    fs_err::write(&path, written).unwrap();
    ClipFiles {
        weights: path,
        ..files(&folder("openai"))
    }
}

fn problem(change: impl FnOnce(&mut Value, &mut Vec<u8>)) -> String {
    let target = tempfile::tempdir().unwrap();
    let error = ClipModel::load(&damaged(target.path(), change)).unwrap_err();
    assert!(!error.is_retryable());
    error.to_string()
}

#[test]
fn damaged_weights_are_named() {
    let cut = problem(|_, data| data.truncate(data.len() - 1));
    assert!(cut.contains("incomplete"), "{cut}");
    let longer = problem(|_, data| data.push(0));
    assert!(longer.contains("incomplete"), "{longer}");
    let missing = problem(|header, _| {
        let list = header.as_object_mut().unwrap();
        let tensor = list.remove("text_model.final_layer_norm.bias").unwrap();
        list.insert("other".to_owned(), tensor);
    });
    assert!(
        missing.contains("no `text_model.final_layer_norm.bias`"),
        "{missing}"
    );
    let renamed = problem(|header, _| {
        let list = header.as_object_mut().unwrap();
        let tensor = list
            .remove("vision_model.embeddings.class_embedding")
            .unwrap();
        list.insert("vision_model.embeddings.class".to_owned(), tensor);
    });
    assert!(renamed.contains("not a CLIP model's"), "{renamed}");
    let shape = problem(|header, _| {
        header["text_projection.weight"]["shape"] = json!([24, 16]);
    });
    assert!(shape.contains("[24, 16]"), "{shape}");
    let integers = problem(|header, _| {
        header["visual_projection.weight"]["dtype"] = json!("I32");
    });
    assert!(integers.contains("visual_projection.weight"), "{integers}");
    let overlap = problem(|header, _| {
        header["logit_scale"]["data_offsets"] = json!([4, 8]);
    });
    assert!(overlap.contains("list of tensors"), "{overlap}");
    let huge = problem(|header, _| {
        header["logit_scale"]["shape"] = json!([u64::MAX, u64::MAX]);
    });
    assert!(huge.contains("list of tensors"), "{huge}");
    let nothing = problem(|_, data| {
        for number in data.chunks_exact_mut(4) {
            number.copy_from_slice(&f32::NAN.to_le_bytes());
        }
    });
    assert!(nothing.contains("logit_scale"), "{nothing}");
}

#[test]
fn a_model_that_gives_no_numbers_is_not_believed() {
    let target = tempfile::tempdir().unwrap();
    let files = damaged(target.path(), |header, data| {
        let place = &header["vision_model.post_layernorm.bias"]["data_offsets"];
        let place = usize::try_from(place[0].as_u64().unwrap()).unwrap();
        data[place..place + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    let model = ClipModel::load(&files).unwrap();
    let picture = picture(&folder("openai"), "wide.png");
    let error = model.embed_images(&[&picture]).unwrap_err();
    assert!(matches!(error, ClipError::NotFinite { .. }), "{error}");
    assert!(model.embed_texts(&["a sofa"]).is_ok());
}

#[test]
fn files_that_are_no_model_are_refused() {
    let target = tempfile::tempdir().unwrap();
    let page = target.path().join("page");
    fs_err::write(&page, "<!doctype html><title>Sign in</title>").unwrap();
    let good = files(&folder("openai"));
    for (files, word) in [
        (
            ClipFiles {
                weights: page.clone(),
                ..good.clone()
            },
            "no safetensors file",
        ),
        (
            ClipFiles {
                config: page.clone(),
                ..good.clone()
            },
            "expected value",
        ),
        (
            ClipFiles {
                tokenizer: page.clone(),
                ..good.clone()
            },
            "expected value",
        ),
        (
            ClipFiles {
                preprocessor: Some(page.clone()),
                ..good.clone()
            },
            "expected value",
        ),
        (
            ClipFiles {
                weights: target.path().join("none"),
                ..good.clone()
            },
            "none",
        ),
    ] {
        let error = ClipModel::load(&files).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
