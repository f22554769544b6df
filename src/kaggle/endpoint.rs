//! Where the API is: Kaggle's own, or for tests one on this machine.

use crate::http::{check_address, is_loopback};

use super::reference::Reference;

/// The base of every remote call.
const PRODUCTION: &str = "https://api.kaggle.com/v1";

/// Where people look at what was made.
const WEB: &str = "https://www.kaggle.com";

/// An address that the API cannot be at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "REMEDIA_KAGGLE_URL may only name this machine (127.0.0.1, ::1 or localhost), so that a token cannot be sent elsewhere: {0}"
)]
pub struct EndpointError(pub String);

impl EndpointError {
    /// Never: it is a setting that somebody must mend.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        false
    }
}

/// The base address of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    base: String,
    is_override: bool,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self::production()
    }
}

impl Endpoint {
    /// Kaggle's own.
    #[must_use]
    pub fn production() -> Self {
        Self {
            base: PRODUCTION.to_owned(),
            is_override: false,
        }
    }

    /// The API at `url`, which has to be an address of this machine, such as
    /// `http://127.0.0.1:1234/api/v1`.
    ///
    /// # Errors
    /// [`EndpointError`] for any other address.
    pub fn from_override(url: &str) -> Result<Self, EndpointError> {
        let url = url.trim();
        check_address(url).map_err(|error| EndpointError(error.to_string()))?;
        if !is_loopback(url) {
            return Err(EndpointError("it names another one".to_owned()));
        }
        if url.contains(['?', '#', '\\']) || url.split('/').any(|part| part == "..") {
            return Err(EndpointError(
                "it is no plain address of a folder".to_owned(),
            ));
        }
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            is_override: true,
        })
    }

    /// The base address without a slash at its end.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether it is another one than Kaggle's own.
    #[must_use]
    pub const fn is_override(&self) -> bool {
        self.is_override
    }

    /// Where people see a dataset.
    #[must_use]
    pub fn dataset_page(&self, dataset: &Reference) -> String {
        format!("{WEB}/datasets/{dataset}")
    }

    /// Where people see a kernel.
    #[must_use]
    pub fn kernel_page(&self, kernel: &Reference) -> String {
        format!("{WEB}/code/{kernel}")
    }

    /// The address of a remote call.
    pub(super) fn call(&self, service: &str, method: &str) -> String {
        format!("{}/{service}/{method}", self.base)
    }

    /// The address of a version's live log.
    pub(super) fn log_stream(&self, kernel: &Reference, version: u32) -> String {
        format!(
            "{}/kernels/logs/stream/{kernel}?versionLabel=v{version}",
            self.base
        )
    }

    /// Whether files may go to or come from an address that the API named: only encrypted, except
    /// inside this machine for an API that is inside it, too.
    pub(super) fn accepts_storage(&self, url: &str) -> bool {
        check_address(url).is_ok()
            && if self.is_override {
                is_loopback(url)
            } else {
                url.get(..8)
                    .is_some_and(|start| start.eq_ignore_ascii_case("https://"))
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_can_stand_in_for_kaggle() {
        for good in [
            "http://127.0.0.1:1234/api/v1",
            "http://127.9.0.1:1/",
            "https://[::1]:443/v1/",
            "http://localhost:80/api/v1",
            " http://LOCALHOST/x ",
        ] {
            let endpoint = Endpoint::from_override(good).unwrap();
            assert!(endpoint.is_override() && !endpoint.base().ends_with('/'));
        }
        for bad in [
            "",
            "kaggle",
            "https://api.kaggle.com/v1",
            "http://10.0.0.1/",
            "http://0.0.0.0:1/",
            "http://127.0.0.1.example/",
            "http://127.0.0.1@evil.example/",
            "http://user:pass@127.0.0.1/",
            "http://localhost.example/",
            "http://127.0.0.1:1/v1?x=1",
            "http://127.0.0.1:1/v1/../x",
            "ftp://127.0.0.1/",
            "http://[::2]/",
            "http://[::ffff:8.8.8.8]/",
        ] {
            let error = Endpoint::from_override(bad).unwrap_err().to_string();
            assert!(error.starts_with("REMEDIA_KAGGLE_URL may only name this machine"));
            assert!(!error.contains("user:pass"), "{error}");
        }
    }

    #[test]
    fn addresses_are_put_together_as_the_service_wants_them() {
        let endpoint = Endpoint::default();
        let reference = Reference::new("tester", "remedia-run-one").unwrap();
        assert_eq!(
            endpoint.call("kernels.KernelsApiService", "SaveKernel"),
            "https://api.kaggle.com/v1/kernels.KernelsApiService/SaveKernel"
        );
        assert_eq!(
            endpoint.log_stream(&reference, 3),
            "https://api.kaggle.com/v1/kernels/logs/stream/tester/remedia-run-one?versionLabel=v3"
        );
        assert_eq!(
            endpoint.kernel_page(&reference),
            "https://www.kaggle.com/code/tester/remedia-run-one"
        );
        assert_eq!(
            endpoint.dataset_page(&reference),
            "https://www.kaggle.com/datasets/tester/remedia-run-one"
        );
    }

    #[test]
    fn files_travel_encrypted_or_inside_this_machine() {
        let (real, test) = (
            Endpoint::production(),
            Endpoint::from_override("http://127.0.0.1:1/v1").unwrap(),
        );
        assert!(real.accepts_storage("https://storage.example/x?sig=1"));
        assert!(!real.accepts_storage("http://storage.example/x"));
        assert!(!real.accepts_storage("http://127.0.0.1:1/x"));
        assert!(test.accepts_storage("http://127.0.0.1:2/x"));
        assert!(!test.accepts_storage("https://storage.example/x"));
    }
}
