//! A wall round the format libraries. They are memory-safe, but some of them still panic on
//! hostile files, and one bad photo must never take the listing down. So the places where foreign
//! bytes enter, probing, EXIF, notes and decoding, run inside [`guarded`], and a panic becomes a
//! damaged file. Nothing of ours is shared with the closure, so no half-changed state can outlive
//! the panic.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::decode::DecodeError;
use super::header::{Content, format_name, sniff};

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`; `None` where it panicked. The panic leaves no message on the terminal: the caller
/// tells the person in its own words.
pub(super) fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |information| {
            if !INSIDE.get() {
                previous(information);
            }
        }));
    });
    let outer = INSIDE.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outer);
    outcome.ok()
}

/// What to say of a file that a format library gave up on.
pub(super) fn gave_up(bytes: &[u8]) -> DecodeError {
    DecodeError::Damaged {
        format: match sniff(bytes) {
            Content::Photo(format) => format_name(format),
            Content::OtherPicture(..) | Content::Unknown => "picture",
        },
        reason: "its parts contradict each other, or it is of a kind that no camera writes"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_inside_becomes_none_and_one_outside_stays() {
        assert_eq!(guarded(|| 7), Some(7));
        assert_eq!(guarded(|| -> u8 { panic!("inside") }), None);
        assert!(!INSIDE.get());
        let nested = guarded(|| guarded(|| -> u8 { panic!("deep") }).is_none() && INSIDE.get());
        assert_eq!(nested, Some(true));
    }
}
