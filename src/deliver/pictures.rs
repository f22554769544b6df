//! The picture files of one photo: the final at native resolution, its web copy and the paired
//! original, each made only when something that decides it has changed.

mod read;

use std::path::Path;

use super::disclosure::{Basis, Disclosure, classify};
use super::error::DeliverError;
use super::folder::{Folder, Written};
use super::manifest::{FileRole, ManifestFile};
use super::request::DeliveryOptions;
use super::xmp::Packet;
use crate::domain::id::PhotoId;
use crate::domain::listing::{Listing, Panorama};
use crate::imaging::{self, ChromaSubsampling, IptcFields, JpegOptions, OutputMetadata, Picture};

/// Quality of a drawing that cannot go out as it came: within a few code values of it everywhere.
const DRAWING_QUALITY: u8 = 100;
/// The least quality of a drawing's web copy.
const DRAWING_WEB_QUALITY: u8 = 92;

/// Everything that decides the files of one photo.
pub(super) struct PhotoWork<'a> {
    pub(super) name: &'a str,
    pub(super) photo_id: &'a PhotoId,
    pub(super) original_file: &'a str,
    pub(super) master: Option<&'a Path>,
    pub(super) source: &'a Path,
    pub(super) listing: &'a Listing,
    /// A drawing or a document, which goes out as it came: not a pixel may blur.
    pub(super) drawing: bool,
    pub(super) title: &'a str,
    pub(super) caption: &'a str,
    pub(super) alt_text: &'a str,
    pub(super) disclosure: &'a Disclosure,
    pub(super) panorama: Option<&'a Panorama>,
    pub(super) generator: &'a str,
    pub(super) options: &'a DeliveryOptions,
}

/// What became of one photo's files, by [`FileRole`] as it is ordered. Holds no memory of its own
/// while all is well: small pieces that outlive the pictures around them would keep the allocator
/// from giving those pictures' memory to the next photo, and a listing of hundreds would grow.
#[derive(Default)]
pub(super) struct PhotoFiles {
    pub(super) made: [Option<MadeFile>; 3],
    /// Why something is missing.
    pub(super) problem: Option<String>,
}

/// A file that stands in the delivery folder.
#[derive(Clone, Copy)]
pub(super) struct MadeFile {
    pub(super) role: FileRole,
    pub(super) bytes: u64,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) digest: blake3::Hash,
    pub(super) inputs: blake3::Hash,
    pub(super) written: Written,
}

impl PhotoFiles {
    fn put(&mut self, file: MadeFile) {
        let [last, web, original] = &mut self.made;
        let place = match file.role {
            FileRole::Final => last,
            FileRole::Web => web,
            FileRole::OriginalWeb => original,
        };
        *place = Some(file);
    }
}

impl MadeFile {
    /// The file's entry in the manifest.
    pub(super) fn entry(&self, name: &str) -> ManifestFile {
        ManifestFile {
            role: self.role,
            path: path_of(self.role, name),
            bytes: self.bytes,
            width: self.width,
            height: self.height,
            blake3: self.digest.to_hex().to_string(),
            inputs: self.inputs.to_hex().to_string(),
        }
    }
}

/// Why one photo's work ended early.
enum Stop {
    /// The original cannot be used, for this reason; the other photos go on.
    Original(String),
    /// Nothing can go on.
    Delivery(DeliverError),
}

impl From<DeliverError> for Stop {
    fn from(error: DeliverError) -> Self {
        Self::Delivery(error)
    }
}

/// An encoded picture with its width and height in pixels.
type Encoded = (Vec<u8>, (usize, usize));

/// The path of the photo's file for `role`.
pub(super) fn path_of(role: FileRole, name: &str) -> String {
    format!("{}/{name}.jpg", role.folder())
}

impl PhotoWork<'_> {
    /// Makes or keeps the files of the photo.
    pub(super) fn deliver(&self, folder: &Folder<'_>) -> Result<PhotoFiles, DeliverError> {
        let mut made = PhotoFiles::default();
        let mut original = None;
        let outcome = if self.master.is_none() {
            self.original_in_place(folder, &mut original, &mut made)
                .and_then(|()| self.pair(folder, &mut original, &mut made))
        } else if self.disclosure.altered {
            // An altered picture never goes out without its original, so the original comes first.
            self.pair(folder, &mut original, &mut made)
                .and_then(|()| self.result(folder, &mut made))
        } else {
            self.result(folder, &mut made)
                .and_then(|()| self.pair(folder, &mut original, &mut made))
        };
        match outcome {
            Ok(()) => {}
            Err(Stop::Original(reason)) => made.problem = Some(reason),
            Err(Stop::Delivery(error)) => return Err(error),
        }
        Ok(made)
    }

    /// The final and its web copy from the master.
    fn result(&self, folder: &Folder<'_>, made: &mut PhotoFiles) -> Result<(), Stop> {
        let Some(path) = self.master else {
            return Ok(());
        };
        let bytes = self.read_master(path)?;
        let digest = blake3::hash(&bytes).to_hex();
        let metadata = self.metadata(self.disclosure, None);
        let mut picture = None;
        let inputs = self.inputs(&["final", "master", digest.as_str(), &metadata.xmp]);
        self.make(folder, FileRole::Final, inputs, made, || {
            let picture = self.decoded_master(path, &bytes, &mut picture)?;
            let size = (picture.width, picture.height);
            Ok((
                self.with_metadata(bytes.clone(), self.disclosure, size, FileRole::Final)?,
                size,
            ))
        })?;
        let inputs = self.inputs(&["web", digest.as_str(), &metadata.xmp, &self.web_form()]);
        self.make(folder, FileRole::Web, inputs, made, || {
            let picture = self.decoded_master(path, &bytes, &mut picture)?;
            self.web_copy(picture, self.disclosure, FileRole::Web)
        })
    }

    /// The final and its web copy from the original, where no result was accepted.
    fn original_in_place(
        &self,
        folder: &Folder<'_>,
        original: &mut Option<Picture>,
        made: &mut PhotoFiles,
    ) -> Result<(), Stop> {
        let metadata = self.metadata(self.disclosure, None);
        let id = self.photo_id.as_str();
        let quality = if self.drawing {
            DRAWING_QUALITY
        } else {
            self.options.original_quality
        };
        let form = format!("quality {quality}{}", self.drawn());
        let inputs = self.inputs(&["final", "original", id, &metadata.xmp, &form]);
        self.make(folder, FileRole::Final, inputs, made, || {
            let as_it_came = self.original_jpeg();
            let picture = self.decoded_original(original)?;
            let size = (picture.width, picture.height);
            if let Some(jpeg) = as_it_came {
                let jpeg = self.with_metadata(jpeg, self.disclosure, size, FileRole::Final)?;
                return Ok((jpeg, size));
            }
            let jpeg = self.encode(picture, quality, false, FileRole::Final)?;
            let jpeg = self.with_metadata(jpeg, self.disclosure, size, FileRole::Final)?;
            Ok((jpeg, size))
        })?;
        let inputs = self.inputs(&["web", "original", id, &metadata.xmp, &self.web_form()]);
        self.make(folder, FileRole::Web, inputs, made, || {
            let picture = self.decoded_original(original)?;
            self.web_copy(picture, self.disclosure, FileRole::Web)
        })
    }

    /// The original's own picture data, where it is a drawing in a JPEG that every browser shows as it is.
    fn original_jpeg(&self) -> Option<Vec<u8>> {
        if !self.drawing {
            return None;
        }
        let bytes = self.read_original().ok()?;
        let header = imaging::probe(&bytes).ok()?;
        (header.orientation == 1).then(|| imaging::bare_jpeg(&bytes))?
    }

    const fn drawn(&self) -> &'static str {
        if self.drawing { ", drawing" } else { "" }
    }

    /// The paired original.
    fn pair(
        &self,
        folder: &Folder<'_>,
        original: &mut Option<Picture>,
        made: &mut PhotoFiles,
    ) -> Result<(), Stop> {
        let disclosure = classify(&[], Basis::Original);
        let metadata = self.metadata(&disclosure, None);
        let id = self.photo_id.as_str();
        let inputs = self.inputs(&["pair", id, &metadata.xmp, &self.web_form()]);
        self.make(folder, FileRole::OriginalWeb, inputs, made, || {
            let picture = self.decoded_original(original)?;
            self.web_copy(picture, &disclosure, FileRole::OriginalWeb)
        })
    }

    /// Keeps the file of `role` where its inputs are unchanged, else makes and writes it.
    fn make(
        &self,
        folder: &Folder<'_>,
        role: FileRole,
        inputs: blake3::Hash,
        made: &mut PhotoFiles,
        make: impl FnOnce() -> Result<Encoded, Stop>,
    ) -> Result<(), Stop> {
        let path = path_of(role, self.name);
        if let Some((entry, digest)) = folder.reusable(&path, &inputs) {
            made.put(MadeFile {
                role,
                bytes: entry.bytes,
                width: entry.width,
                height: entry.height,
                digest,
                inputs,
                written: Written::No,
            });
            return Ok(());
        }
        let (bytes, (width, height)) = make()?;
        let written = folder.ensure(&path, &bytes)?;
        made.put(MadeFile {
            role,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            width: u32::try_from(width).unwrap_or(u32::MAX),
            height: u32::try_from(height).unwrap_or(u32::MAX),
            digest: blake3::hash(&bytes),
            inputs,
            written,
        });
        Ok(())
    }

    fn web_copy(
        &self,
        picture: &Picture,
        disclosure: &Disclosure,
        role: FileRole,
    ) -> Result<Encoded, Stop> {
        let long_side = usize::try_from(self.options.web_long_side).unwrap_or(usize::MAX);
        let scaled = imaging::fit(picture, long_side).map_err(|error| self.failed(role, error))?;
        let size = (scaled.width, scaled.height);
        let quality = if self.drawing {
            self.options.web_quality.max(DRAWING_WEB_QUALITY)
        } else {
            self.options.web_quality
        };
        let jpeg = self.encode(&scaled, quality, true, role)?;
        Ok((self.with_metadata(jpeg, disclosure, size, role)?, size))
    }

    fn encode(
        &self,
        picture: &Picture,
        quality: u8,
        progressive: bool,
        role: FileRole,
    ) -> Result<Vec<u8>, DeliverError> {
        let options = JpegOptions {
            quality,
            progressive,
            chroma_subsampling: if self.drawing {
                ChromaSubsampling::Full
            } else {
                ChromaSubsampling::Half
            },
        };
        imaging::encode_jpeg(picture, &options).map_err(|error| self.failed(role, error))
    }

    fn with_metadata(
        &self,
        jpeg: Vec<u8>,
        disclosure: &Disclosure,
        size: (usize, usize),
        role: FileRole,
    ) -> Result<Vec<u8>, DeliverError> {
        imaging::with_metadata(jpeg, &self.metadata(disclosure, Some(size)))
            .map_err(|error| self.failed(role, error))
    }

    fn failed(
        &self,
        role: FileRole,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> DeliverError {
        DeliverError::Encode {
            file: path_of(role, self.name),
            source: Box::new(error),
        }
    }

    fn web_form(&self) -> String {
        format!(
            "long side {} quality {}{}",
            self.options.web_long_side,
            self.options.web_quality,
            self.drawn()
        )
    }

    /// What a file of `size` pixels says about itself. Without a size it is what decides that: the panorama
    /// is told as it was found.
    fn metadata(&self, disclosure: &Disclosure, size: Option<(usize, usize)>) -> OutputMetadata {
        let panorama = self.panorama.map(|panorama| match size {
            Some((width, height)) => {
                let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX).max(1);
                panorama.scaled_to(side(width), side(height))
            }
            None => panorama.clone(),
        });
        let description = format!("{}. {}", self.caption, disclosure.statement);
        let xmp = Packet {
            title: self.title,
            description: &description,
            alt_text: self.alt_text,
            disclosure,
            generator: self.generator,
            panorama: panorama.as_ref(),
        }
        .to_xml();
        OutputMetadata {
            xmp,
            iptc: IptcFields {
                headline: Some(self.caption.to_owned()),
                caption: Some(description),
                special_instructions: Some(disclosure.statement.clone()),
            },
        }
    }

    /// The digest of everything that decides a file's content.
    fn inputs(&self, parts: &[&str]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for part in std::iter::once(&self.generator).chain(parts) {
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize()
    }
}
