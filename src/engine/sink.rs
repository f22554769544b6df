//! Where events go while they happen: a bar, a line, a JSON stream. The record in the store is
//! written whoever listens.

use crate::domain::event::Event;

/// Someone who listens to a job. Called from one thread at a time.
pub trait EventSink: Send {
    /// Something happened.
    fn event(&mut self, event: &Event);
}

/// Nobody listens.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn event(&mut self, _: &Event) {}
}

impl EventSink for Vec<Event> {
    fn event(&mut self, event: &Event) {
        self.push(event.clone());
    }
}
