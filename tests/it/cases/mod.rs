//! Faults that photographers met elsewhere, kept from coming back.

mod scenes;
