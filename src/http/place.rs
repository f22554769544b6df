//! Addresses: what of one may be shown, and where a redirect leads.

use ureq::http::Uri;

use crate::fsx::printable;

/// What of an address may be shown: no user, no password, and no query, which in a signed address is
/// as good as a password.
pub(super) fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    let separator = if scheme.is_empty() { "" } else { "://" };
    let mut text: String = printable(&format!("{scheme}{separator}{host}{path}"));
    if text.chars().count() > 300 {
        text = text.chars().take(299).chain(['…']).collect();
    }
    text
}

/// An `http` or `https` address with a host and without a user.
pub(super) fn checked(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|_| "it is no address".to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("it does not start with http:// or https://".to_owned());
    }
    let Some(authority) = uri.authority() else {
        return Err("it names no host".to_owned());
    };
    if authority.host().is_empty() {
        return Err("it names no host".to_owned());
    }
    if authority.as_str().contains('@') {
        return Err("it has a user or a password inside".to_owned());
    }
    Ok(uri)
}

/// Where `location` leads, seen from `from` (RFC 3986, section 5, without dot segments, which are
/// refused).
pub(super) fn redirected(from: &Uri, location: &str) -> Result<Uri, String> {
    let location = location.split('#').next().unwrap_or_default();
    let scheme = from.scheme_str().unwrap_or("https");
    let authority = from.authority().map_or("", |authority| authority.as_str());
    let absolute = if location.contains("://") && !location.starts_with('/') {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{scheme}://{rest}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.is_empty() {
        return Err("it leads nowhere".to_owned());
    } else {
        let folder = from
            .path()
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let uri = checked(&absolute)?;
    if uri.path().split('/').any(|segment| segment == "..") {
        return Err("it goes up with `..`".to_owned());
    }
    if scheme == "https" && uri.scheme_str() != Some("https") {
        return Err("it leads from https to http".to_owned());
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_an_address_are_not_shown() {
        assert_eq!(
            shown("https://user:pass@cdn.example/a/b?Signature=abc#x"),
            "https://cdn.example/a/b"
        );
        assert_eq!(shown("a\u{1b}[2J"), "a\\u{1b}[2J");
        assert!(shown(&format!("http://h/{}", "x".repeat(5000))).len() < 400);
    }

    #[test]
    fn a_redirect_leads_where_the_standard_says_and_never_to_a_weaker_place() {
        let from: Uri = "https://hub.example/o/n/resolve/f".parse().unwrap();
        for (location, leads_to) in [
            ("https://cdn.example/x?y=1", "https://cdn.example/x?y=1"),
            ("//cdn.example/x", "https://cdn.example/x"),
            ("/api/x#part", "https://hub.example/api/x"),
            ("g", "https://hub.example/o/n/resolve/g"),
        ] {
            assert_eq!(redirected(&from, location).unwrap().to_string(), leads_to);
        }
        for wrong in [
            "http://hub.example/x",
            "ftp://hub.example/x",
            "file:///etc/passwd",
            "https://user@cdn.example/x",
            "/a/../b",
            "",
            "https://",
        ] {
            assert!(redirected(&from, wrong).is_err(), "{wrong}");
        }
    }
}
