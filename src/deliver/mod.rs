//! Accepted pictures to a finished delivery: the final folder, web copies, paired originals, the
//! gallery, captions, disclosure and the manifest. Delivering is a function of its request: the same
//! request gives the same bytes, files that are right already stay as they are, and a delivery that
//! was killed is ended by the next one.

mod attempts;
mod describe;
pub mod disclosure;
mod documents;
mod drawing;
mod edited;
mod error;
mod folder;
mod gallery;
pub mod manifest;
mod names;
mod pictures;
mod request;
mod run;
mod thumbnail;
mod wording;
mod xmp;

pub use edited::SetAside;
pub use error::DeliverError;
pub use folder::earlier_manifest;
pub use request::{
    Delivered, DeliveredAttempt, DeliveredOperation, DeliveredVersion, DeliveryOptions,
    DeliveryPhoto, DeliveryProblem, DeliveryRequest, OperationOutcome,
};
pub use run::deliver;
