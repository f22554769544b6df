//! Examining one attempt before it is decided about: are its files what the worker says, is the house
//! still the same, and can its pixels be put back into the photo. What is found is a value; nothing is
//! decided here.

use std::time::Instant;

use crate::bundle::{read_mask, sha256, working_photo_path};
use crate::composite::{CompositeError, CompositeRequest, composite};
use crate::domain::capabilities::EMBEDDED_EXECUTOR;
use crate::domain::job::{OrderedOperation, OrderedPhoto};
use crate::domain::judgement::{Judgement, JudgingRules};
use crate::domain::listing::PhotoFormat;
use crate::domain::operation::OperationKind;
use crate::domain::results::{AttemptResult, ResultFile};
use crate::domain::structure::{StructureReport, StructureSubject};
use crate::domain::verdict::{Reason, ReasonCode};
use crate::fsx::{self, fs};
use crate::imaging::{self, DecodeLimits, JpegOptions, Picture, Plane};
use crate::store::{AssetKind, AssetRecord};
use crate::validate::integrity::{IntegrityFault, judge_integrity};
use crate::validate::structure::{judge_composite, judge_structure};

use super::error::EngineError;
use super::session::{CurrentOrder, Session};
use super::trouble::Trouble;
use super::wording;

/// Long side of the pictures that are scored, in pixels: more than any CLIP model looks at.
const SCORING_LONG_SIDE: usize = 672;

/// What was found on one attempt.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// What makes it unfit; empty where it may be delivered.
    pub(super) failures: Vec<Reason>,
    /// What a person should look at.
    pub(super) doubts: Vec<Reason>,
    /// The numbers.
    pub(super) judgement: Judgement,
    /// The picture to deliver where it is chosen; its path is relative to the folder of outputs.
    pub(super) master: Option<AssetRecord>,
    /// The result and the photo that it was made from, small, for scoring.
    pub(super) scored: Option<(Picture, Picture)>,
}

impl Examined {
    fn refused(mut self, reason: Reason) -> Self {
        self.failures.push(reason);
        self
    }

    /// The same, unless it is the machine's.
    fn refused_for(self, trouble: Trouble) -> Result<Self, EngineError> {
        match trouble {
            Trouble::Picture(reason) => Ok(self.refused(reason)),
            Trouble::Machine(error) => Err(error),
        }
    }
}

/// A file of the answer whose bytes are the ones that the worker names.
struct Whole {
    bytes: Vec<u8>,
    header: imaging::Header,
}

/// Everything that examining an attempt needs to know.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) order: &'a CurrentOrder,
    pub(super) photo: &'a OrderedPhoto,
    pub(super) operation: &'a OrderedOperation,
    pub(super) attempt: &'a AttemptResult,
    pub(super) rules: &'a JudgingRules,
}

impl Session<'_> {
    /// Examines an attempt that gave a result. `base` gives the photo that generated pixels are put
    /// back into, as the bytes of its file.
    ///
    /// # Errors
    /// Where this machine's files cannot be read or written; whatever is wrong with the result is no
    /// error but a finding.
    pub(super) fn examine(
        &self,
        subject: Subject<'_>,
        base: &dyn Fn() -> Result<Vec<u8>, Trouble>,
    ) -> Result<Examined, EngineError> {
        let started = Instant::now();
        let mut examined = if subject.operation.kind == OperationKind::Stage {
            self.examine_stage(subject, base)?
        } else {
            self.examine_whole(subject)?
        };
        examined.judgement.seconds = started.elapsed().as_secs_f64();
        Ok(examined)
    }

    /// A result that is delivered as it is: a JPEG at native size.
    fn examine_whole(&self, subject: Subject<'_>) -> Result<Examined, EngineError> {
        let mut examined = Examined::default();
        let Subject {
            order,
            photo,
            attempt,
            ..
        } = subject;
        let whole = match self.whole(order, attempt.image.as_ref(), "picture") {
            Ok(whole) => whole,
            Err(trouble) => return examined.refused_for(trouble),
        };
        if whole.header.format != PhotoFormat::Jpeg {
            return Ok(examined.refused(damaged("the picture is no JPEG")));
        }
        if let Err(reason) = sized(&whole.header, photo.width, photo.height) {
            return Ok(examined.refused(reason));
        }
        if order.record.executor != EMBEDDED_EXECUTOR {
            match self.compared_with_order(subject, &whole) {
                Ok(report) => {
                    judged(&mut examined, report);
                    if !examined.failures.is_empty() {
                        return Ok(examined);
                    }
                }
                Err(trouble) => return examined.refused_for(trouble),
            }
        }
        let (_, prefix) = self.work.run_outputs(&order.record);
        let file = attempt.image.as_ref().map(|image| image.file.as_str());
        examined.master = Some(AssetRecord {
            kind: AssetKind::Master,
            path: format!("{prefix}{}", file.unwrap_or_default()),
            blake3: blake3::hash(&whole.bytes).to_hex().to_string(),
            bytes: whole.bytes.len() as u64,
        });
        Ok(examined)
    }

    /// A picture that somebody else made of the whole photo: the house must be the same everywhere.
    fn compared_with_order(
        &self,
        subject: Subject<'_>,
        whole: &Whole,
    ) -> Result<StructureReport, Trouble> {
        let reference = self.working_photo(subject)?;
        let picture = self.decoded(&whole.bytes)?;
        let picture = imaging::resize(&picture, reference.width, reference.height)
            .map_err(|error| internal(&error))?;
        let nothing = empty_mask(reference.width, reference.height);
        judge_structure(
            &reference,
            &picture,
            &nothing,
            StructureSubject::Generated,
            &subject.rules.structure,
        )
        .map_err(|error| internal(&error).into())
    }

    /// A result with a mask at working size, to be put back into the photo.
    fn examine_stage(
        &self,
        subject: Subject<'_>,
        base: &dyn Fn() -> Result<Vec<u8>, Trouble>,
    ) -> Result<Examined, EngineError> {
        let mut examined = Examined::default();
        let made = match self.generated(subject) {
            Ok(made) => made,
            Err(trouble) => return examined.refused_for(trouble),
        };
        let Generated {
            reference,
            picture,
            mask,
            labels,
        } = &made;
        let rules = subject.rules;
        if let Err(fault) = judge_integrity(reference, picture, mask) {
            return Ok(examined.refused(integrity_reason(&fault)));
        }
        let raw = judge_structure(
            reference,
            picture,
            mask,
            StructureSubject::Generated,
            &rules.structure,
        );
        match raw {
            Ok(report) => judged(&mut examined, report),
            Err(error) => return Ok(examined.refused(internal(&error))),
        }
        if !examined.failures.is_empty() {
            return Ok(examined);
        }
        let photo = base().and_then(|bytes| Ok(self.decoded(&bytes)?));
        let photo = match photo {
            Ok(photo) => photo.into_eight(),
            Err(trouble) => return examined.refused_for(trouble),
        };
        let request = CompositeRequest {
            photo: &photo,
            generated: picture,
            mask,
            labels: labels.as_ref(),
        };
        let composite = match composite(&request, &rules.compositing) {
            Ok(composite) => composite,
            Err(error) => return Ok(examined.refused(composite_reason(&error))),
        };
        examined.judgement.composite = Some(composite.report.clone());
        let report = judge_composite(
            &photo,
            &composite.picture,
            &composite.changed,
            &rules.structure,
        );
        match report {
            Ok(report) => judged(&mut examined, report),
            Err(error) => return Ok(examined.refused(internal(&error))),
        }
        if !examined.failures.is_empty() {
            return Ok(examined);
        }
        let options = JpegOptions {
            quality: subject.order.document.limits.jpeg_quality,
            ..JpegOptions::default()
        };
        let small = |picture: &Picture| imaging::fit(picture, SCORING_LONG_SIDE);
        let encoded = imaging::encode_jpeg(&composite.picture, &options)
            .map_err(|error| internal(&error))
            .and_then(|jpeg| {
                let result = small(&composite.picture).map_err(|error| internal(&error))?;
                let input = small(reference).map_err(|error| internal(&error))?;
                Ok((jpeg, result, input))
            });
        let (jpeg, result, input) = match encoded {
            Ok(encoded) => encoded,
            Err(reason) => return Ok(examined.refused(reason)),
        };
        let file = format!(
            "{}.{}.{}.composite.jpg",
            subject.photo.photo_id, subject.operation.kind, subject.attempt.number
        );
        fsx::write_atomic(&self.work.outputs().join(&file), &jpeg)?;
        examined.master = Some(AssetRecord {
            kind: AssetKind::Master,
            path: file,
            blake3: blake3::hash(&jpeg).to_hex().to_string(),
            bytes: jpeg.len() as u64,
        });
        examined.scored = Some((result, input));
        Ok(examined)
    }

    fn generated(&self, subject: Subject<'_>) -> Result<Generated, Trouble> {
        let Subject { order, attempt, .. } = subject;
        let whole = self.whole(order, attempt.image.as_ref(), "picture")?;
        let reference = self.working_photo(subject)?;
        let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
        sized(&whole.header, side(reference.width), side(reference.height))?;
        let picture = self.decoded(&whole.bytes)?.into_eight();
        let Some(mask) = &attempt.mask else {
            return Err(Reason::new(
                ReasonCode::MissingMask,
                "the worker does not say what it was allowed to change",
            )
            .into());
        };
        let mut mask = self.plane(order, mask, "mask")?;
        let drawn = read_mask(
            &order.folder,
            &subject.photo.photo_id,
            &self.engine.limits(),
        );
        let drawn = drawn.map_err(|error| Trouble::of_bundle(error, internal))?;
        if let Some(drawn) = drawn {
            // Whatever a worker was told: where the person did not let it, nothing changes.
            mask.limit(&drawn);
        }
        let labels = attempt
            .labels
            .as_ref()
            .map(|labels| self.plane(order, labels, "label map"))
            .transpose()?;
        Ok(Generated {
            reference,
            picture,
            mask,
            labels,
        })
    }

    /// The photo that the worker got.
    fn working_photo(&self, subject: Subject<'_>) -> Result<Picture, Trouble> {
        let path = subject
            .order
            .folder
            .join(working_photo_path(&subject.photo.photo_id));
        let bytes =
            fs::read(&path).map_err(|error| Trouble::of_file(error, |error| internal(error)))?;
        Ok(self.decoded(&bytes)?.into_eight())
    }

    fn plane(
        &self,
        order: &CurrentOrder,
        file: &ResultFile,
        what: &'static str,
    ) -> Result<Plane, Trouble> {
        let whole = self.whole(order, Some(file), what)?;
        imaging::decode_plane(&whole.bytes, &self.engine.limits())
            .map_err(|error| damaged(&format!("the {what} cannot be used: {error}")).into())
    }

    fn decoded(&self, bytes: &[u8]) -> Result<Picture, Reason> {
        imaging::decode(bytes, &self.engine.limits()).map_err(|error| damaged(&error.to_string()))
    }

    /// The first gate: the file is inside, there, of a bearable size, whole, a picture, and has the
    /// bytes that the worker names.
    fn whole(
        &self,
        order: &CurrentOrder,
        file: Option<&ResultFile>,
        what: &'static str,
    ) -> Result<Whole, Trouble> {
        let missing = |text: String| Reason::new(ReasonCode::MissingOutput, text);
        let file = file.ok_or_else(|| missing(format!("the worker names no {what}")))?;
        let (outputs, _) = self.work.run_outputs(&order.record);
        let path =
            fsx::contained(&outputs, &file.file).map_err(|error| missing(error.to_string()))?;
        let limits: DecodeLimits = self.engine.limits();
        let size = fs::symlink_metadata(&path).map_err(|error| {
            Trouble::of_file(error, |_| {
                missing(format!("`{}` is not there", fsx::printable(&file.file)))
            })
        })?;
        if !size.is_file() {
            return Err(
                missing(format!("`{}` is no plain file", fsx::printable(&file.file))).into(),
            );
        }
        let size = size.len();
        if size > limits.max_file_bytes {
            return Err(damaged(&format!(
                "the {what} has {size} bytes, more than the limit of {}",
                limits.max_file_bytes
            ))
            .into());
        }
        let bytes = fs::read(&path)
            .map_err(|error| Trouble::of_file(error, |error| missing(error.to_string())))?;
        if sha256(&bytes) != file.sha256 {
            return Err(Reason::new(
                ReasonCode::HashMismatch,
                format!("the {what}'s bytes are not the ones that the worker names"),
            )
            .into());
        }
        let header = imaging::probe(&bytes).map_err(|error| damaged(&error.to_string()))?;
        if u64::from(header.width) * u64::from(header.height) > limits.max_pixels {
            return Err(damaged(&format!(
                "the {what} claims {} x {} pixels, more than the limit of {}",
                header.width, header.height, limits.max_pixels
            ))
            .into());
        }
        imaging::check_complete(&bytes, header.format)
            .map_err(|error| damaged(&error.to_string()))?;
        Ok(Whole { bytes, header })
    }
}

/// What a worker generated, decoded.
struct Generated {
    /// The photo that it got.
    reference: Picture,
    picture: Picture,
    mask: Plane,
    labels: Option<Plane>,
}

fn empty_mask(width: usize, height: usize) -> Plane {
    Plane {
        width,
        height,
        samples: vec![0; width * height],
    }
}

/// Takes a report in, with a reason for each gate that was not passed.
fn judged(examined: &mut Examined, report: StructureReport) {
    for &fault in &report.faults {
        let reason = wording::structure_reason(&report, fault);
        if reason.code == ReasonCode::StructureUnclear {
            examined.doubts.push(reason);
        } else {
            examined.failures.push(reason);
        }
    }
    examined.judgement.structure.push(report);
}

fn damaged(text: &str) -> Reason {
    Reason::new(ReasonCode::DamagedOutput, text)
}

fn internal(error: &dyn std::error::Error) -> Reason {
    Reason::new(ReasonCode::Internal, error.to_string())
}

fn sized(header: &imaging::Header, width: u32, height: u32) -> Result<(), Reason> {
    if (header.width, header.height) == (width, height) {
        return Ok(());
    }
    Err(Reason::new(
        ReasonCode::SizeMismatch,
        format!(
            "the picture has {} x {} pixels instead of {width} x {height}",
            header.width, header.height
        ),
    ))
}

fn integrity_reason(fault: &IntegrityFault) -> Reason {
    let code = match fault {
        IntegrityFault::Unchanged { .. } => ReasonCode::Unchanged,
        IntegrityFault::WrongSize { .. } => ReasonCode::SizeMismatch,
        IntegrityFault::EmptyMask => ReasonCode::MaskRefused,
        IntegrityFault::Black | IntegrityFault::Flat { .. } => ReasonCode::EmptyOutput,
    };
    Reason::new(code, fault.to_string())
}

fn composite_reason(error: &CompositeError) -> Reason {
    let code = match error {
        CompositeError::MaskTooLarge { .. } | CompositeError::MaskEmpty => ReasonCode::MaskRefused,
        CompositeError::Proportions { .. } => ReasonCode::SizeMismatch,
        _ => ReasonCode::Internal,
    };
    Reason::new(code, error.to_string())
}
