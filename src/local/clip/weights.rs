//! The numbers of a model, from `model.safetensors`.
//!
//! The file is read once from front to back: its SHA-256 is taken on the way, each tensor that CLIP has
//! becomes 32-bit floating point at once, and the rest is passed over. Memory holds the model and one
//! tensor more. Numbers stored in 16 bits (`F16`, `BF16`) are widened without loss.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use data_encoding::HEXLOWER;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};
use sha2::{Digest as _, Sha256};

use super::error::ClipError;

use crate::fsx::fs;

/// ViT-L/14 in 32 bits has 1.7 GB; anything beyond this is another kind of model.
const LARGEST_WEIGHTS: u64 = 4 << 30;

/// The list of tensors at the front; a CLIP's has 40 to 120 kB.
const LARGEST_LIST: u64 = 4 << 20;

/// Every tensor of a file by its name, as 32-bit numbers.
#[derive(Debug)]
pub(super) struct Weights {
    tensors: HashMap<String, Tensor>,
    digest: String,
}

impl Weights {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ClipError`] where the file cannot be read, is too large, or is no safetensors file.
    pub(super) fn read(path: &Path) -> Result<Self, ClipError> {
        let invalid = |problem: String| ClipError::invalid(path, problem);
        let mut file = fs::File::open(path)?;
        let size = file.metadata()?.len();
        if size > LARGEST_WEIGHTS {
            return Err(ClipError::TooLarge {
                file: path.to_path_buf(),
                size,
                limit: LARGEST_WEIGHTS,
            });
        }
        let mut hasher = Sha256::new();
        let list = take(&mut file, &mut hasher, 8)?;
        let length = <[u8; 8]>::try_from(list.as_slice())
            .map(u64::from_le_bytes)
            .map_err(|_| invalid("it ends before its list of tensors".to_owned()))?;
        if length > LARGEST_LIST || length > size {
            return Err(invalid("it is no safetensors file".to_owned()));
        }
        let list = take(&mut file, &mut hasher, length)?;
        // Reading the list also checks that the tensors follow each other without gaps and that each
        // has the bytes which its shape needs.
        let list: Metadata = serde_json::from_slice(&list)
            .map_err(|error| invalid(format!("its list of tensors cannot be read: {error}")))?;
        let data = u64::try_from(list.data_len()).unwrap_or(u64::MAX);
        if length
            .checked_add(8)
            .and_then(|list| list.checked_add(data))
            != Some(size)
        {
            return Err(invalid(format!(
                "it has {size} bytes, which is not what its list of tensors needs: the download may be incomplete"
            )));
        }
        let mut tensors = HashMap::new();
        for name in list.offset_keys() {
            let Some(info) = list.info(&name) else {
                continue;
            };
            let (start, end) = info.data_offsets;
            let bytes = u64::try_from(end.saturating_sub(start)).unwrap_or(u64::MAX);
            let bytes = take(&mut file, &mut hasher, bytes)?;
            if bytes.len() != end.saturating_sub(start) {
                return Err(invalid("it became shorter while it was read".to_owned()));
            }
            if let Some(tensor) = widened(info, &bytes)? {
                tensors.insert(name, tensor);
            }
        }
        Ok(Self {
            tensors,
            digest: HEXLOWER.encode(&hasher.finalize()),
        })
    }

    /// SHA-256 of the file, 64 hexadecimal digits.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// What stands before `ending` in the one name that ends so: towers are written with and without
    /// `text_model.` and `vision_model.`, and some tools put a word before all names.
    pub(super) fn prefix(&self, ending: &str) -> Result<String, String> {
        let mut prefixes = self.tensors.keys().filter_map(|name| {
            let prefix = name.strip_suffix(ending)?;
            (prefix.is_empty() || prefix.ends_with('.')).then(|| prefix.to_owned())
        });
        match (prefixes.next(), prefixes.next()) {
            (Some(prefix), None) => Ok(prefix),
            (None, _) => Err(format!("it has no `{ending}`: it is not a CLIP model's")),
            (Some(_), Some(_)) => Err(format!("it has more than one `{ending}`")),
        }
    }

    /// Takes a tensor out, which must have this shape.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, String> {
        let tensor = self
            .tensors
            .remove(name)
            .ok_or_else(|| format!("it has no `{name}` in a form that is known"))?;
        if tensor.dims() == shape {
            Ok(tensor)
        } else {
            Err(format!(
                "`{name}` has the shape {:?}; the configuration asks for {shape:?}",
                tensor.dims()
            ))
        }
    }
}

fn take(file: &mut fs::File, hasher: &mut Sha256, length: u64) -> Result<Vec<u8>, ClipError> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.take(length).read_to_end(&mut bytes)?;
    hasher.update(&bytes);
    Ok(bytes)
}

/// The tensor in 32 bits; `None` for whole numbers, such as the `position_ids` that older files carry.
fn widened(info: &TensorInfo, bytes: &[u8]) -> Result<Option<Tensor>, ClipError> {
    let kind = match info.dtype {
        Dtype::F32 => DType::F32,
        Dtype::F16 => DType::F16,
        Dtype::BF16 => DType::BF16,
        _ => return Ok(None),
    };
    let tensor = Tensor::from_raw_buffer(bytes, kind, &info.shape, &Device::Cpu)?;
    Ok(Some(tensor.to_dtype(DType::F32)?))
}
