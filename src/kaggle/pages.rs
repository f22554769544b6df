//! Listings, which come in pages: each page names the next one, sometimes one that was there before.

use std::collections::HashSet;

use super::client::Connection;
use super::error::KaggleError;

/// A listing of more pages than this does not end.
const MOST_PAGES: usize = 2_000;

impl Connection {
    /// Everything that a listing has. `fetch` gets the token of a page and gives its entries with the
    /// token of the next one. A listing whose tokens go round, which happens, is begun anew.
    pub(super) fn pages<T>(
        &self,
        what: &str,
        fetch: impl Fn(&str) -> Result<(Vec<T>, String), KaggleError>,
    ) -> Result<Vec<T>, KaggleError> {
        self.repeated(KaggleError::is_odd_answer, || {
            let mut guard = PageGuard::default();
            let mut all = Vec::new();
            let mut token = String::new();
            loop {
                let (mut entries, next) = fetch(&token)?;
                all.append(&mut entries);
                match guard.next(what, next)? {
                    Some(next) => token = next,
                    None => return Ok(all),
                }
            }
        })
    }
}

/// Sees to it that a listing ends.
#[derive(Clone, Debug, Default)]
pub(super) struct PageGuard {
    seen: HashSet<String>,
}

impl PageGuard {
    /// The token of the next page, if there is one that was not there before.
    pub(super) fn next(
        &mut self,
        what: &str,
        token: String,
    ) -> Result<Option<String>, KaggleError> {
        if token.is_empty() {
            return Ok(None);
        }
        let wrong = |problem: &str, lasting| KaggleError::Answer {
            what: what.to_owned(),
            problem: problem.to_owned(),
            lasting,
        };
        if self.seen.len() >= MOST_PAGES {
            return Err(wrong("the listing does not end", true));
        }
        if !self.seen.insert(token.clone()) {
            return Err(wrong(
                "the listing comes back to a page that was read",
                false,
            ));
        }
        Ok(Some(token))
    }
}
