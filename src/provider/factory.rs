//! Providers by name, each set up once and only when it is needed.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::domain::capabilities::{EMBEDDED_EXECUTOR, LOCAL_PROVIDER};

use super::colab::{ColabProvider, ColabSettings};
use super::contract::Provider;
use super::error::{FaultKind, ProviderError};
use super::fake::{FakeProvider, FakeScript};
use super::kaggle::{KaggleProvider, KaggleSettings};
use super::local::{LocalProvider, LocalSettings};

/// What providers need to be set up.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// For the embedded engine.
    pub local: LocalSettings,
    /// The folder that plays the far side of the fake provider.
    pub fake_remote: PathBuf,
    /// The script of the fake provider; all goes well where there is none.
    pub fake_script: Option<PathBuf>,
    /// For Kaggle.
    pub kaggle: KaggleSettings,
    /// For Colab.
    pub colab: ColabSettings,
}

/// Every provider of this build.
#[derive(Debug)]
pub struct Providers {
    settings: ProviderSettings,
    local: OnceLock<Arc<dyn Provider>>,
    kaggle: OnceLock<Arc<dyn Provider>>,
}

impl Providers {
    /// Providers with these settings.
    #[must_use]
    pub const fn new(settings: ProviderSettings) -> Self {
        Self {
            settings,
            local: OnceLock::new(),
            kaggle: OnceLock::new(),
        }
    }

    /// The provider with this name.
    ///
    /// # Errors
    /// [`FaultKind::Unknown`] for a name that this build does not have; what keeps the provider from
    /// being set up.
    pub fn get(&self, name: &str) -> Result<Arc<dyn Provider>, ProviderError> {
        match name {
            EMBEDDED_EXECUTOR | LOCAL_PROVIDER => {
                Ok(Arc::clone(self.local.get_or_init(|| {
                    Arc::new(LocalProvider::new(self.settings.local))
                })))
            }
            "kaggle" => Ok(Arc::clone(self.kaggle.get_or_init(|| {
                Arc::new(KaggleProvider::new(self.settings.kaggle.clone()))
            }))),
            "colab" => Ok(Arc::new(ColabProvider::new(self.settings.colab.clone()))),
            "fake" => {
                let script = match &self.settings.fake_script {
                    Some(path) => FakeScript::read(path).map_err(|error| {
                        ProviderError::new("fake", FaultKind::Refused, error.to_string())
                    })?,
                    None => FakeScript::default(),
                };
                Ok(Arc::new(FakeProvider::new(
                    self.settings.fake_remote.clone(),
                    script,
                )))
            }
            other => Err(ProviderError::new(
                other,
                FaultKind::Unknown,
                "this build has no such provider",
            )),
        }
    }
}
