//! Everything about Colab: by hand, and by a stand-in for the official command.

mod bench;
mod brought;
mod by_hand;
#[cfg(unix)]
mod command;
mod desk;
#[cfg(unix)]
mod stand_in;
