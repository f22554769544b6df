//! An order on disk: the job document, the marker that a worker searches for, and for a worker
//! elsewhere the photos at working size. It is complete before anybody is asked to do it, and the
//! same order is the same bytes.

mod answer;
mod archive;
mod error;
mod masks;
mod model_set;
mod notebook;
mod order;
mod photos;

pub use answer::{Answer, AnswerError, CheckedAnswer, RESULTS_FILE, open_answer};
pub use archive::{ArchiveContent, verify_archive, write_archive, write_archive_below};
pub use error::BundleError;
pub use masks::{mask_path, read_mask, write_mask};
pub use model_set::model_set;
pub use notebook::{notebook_for, runs_of, write_worker};
pub use order::{
    JOB_FILE, MARKER_FILE, SUMS_FILE, files_of, read_order, read_session, read_sums, sha256,
    sha256_of, write_order, write_session,
};
pub use photos::{WORKING_LONG_SIDE, working_photo_path, write_working_photo};
