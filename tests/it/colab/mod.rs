//! Everything about Colab: by hand, and by a stand-in for the official command.

mod by_hand;
mod desk;
