//! The one HTTP client of remedia: blocking, with time limits, and with faults that say whether trying
//! again can help.
