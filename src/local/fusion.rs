//! Several exposures of one view made into one picture.
