//! What went wrong on real folders and real files, one test for each case, with its own input.

mod brackets;
