//! The settings by name: one table for files, variables, flags and documentation.

use std::fmt;

use super::env;

macro_rules! keys {
    ($($variant:ident => $name:literal, $variable:expr, $flag:expr, $documentation:literal;)+) => {
        /// One setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Key {
            $(#[doc = $documentation] $variant,)+
        }

        impl Key {
            /// Every setting, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in a settings file; a dot separates a table from its key.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The environment variable.
            #[must_use]
            pub const fn variable(self) -> &'static str {
                match self { $(Self::$variant => $variable,)+ }
            }

            /// The flag on the command line, where there is one.
            #[must_use]
            pub const fn flag(self) -> Option<&'static str> {
                match self { $(Self::$variant => $flag,)+ }
            }

            /// What it does, as one sentence.
            #[must_use]
            pub const fn documentation(self) -> &'static str {
                match self { $(Self::$variant => $documentation,)+ }
            }
        }
    };
}

keys! {
    Home => "home", env::HOME, Some("--home"), "Folder for the database and the jobs.";
    Out => "out", env::OUT, Some("--out"), "Folder that finished listings are delivered to.";
    Styles => "styles", env::STYLES, Some("--styles"), "Folder with your own styles.";
    Style => "style", env::STYLE, Some("--style"), "Style used where none is named.";
    Operations => "operations", env::OPERATIONS, Some("--operations"), "`auto`, or a list of `enhance`, `stage`, `video`.";
    Provider => "provider", env::PROVIDER, Some("--provider"), "Provider of what this machine does not do itself; `local` for none.";
    MaxAttempts => "max_attempts", env::MAX_ATTEMPTS, Some("--max-attempts"), "Attempts allowed for each operation whose result depends on chance, 1 to 20.";
    Seed => "seed", env::SEED, Some("--seed"), "Seed of a job's random numbers, 0 to 9007199254740991.";
    JpegQuality => "jpeg_quality", env::JPEG_QUALITY, Some("--jpeg-quality"), "JPEG quality of the finished photos, 50 to 100.";
    WebLongSide => "web_long_side", env::WEB_LONG_SIDE, Some("--web-long-side"), "Long side of the web copies in pixels, 256 to 8192.";
    WebQuality => "web_quality", env::WEB_QUALITY, Some("--web-quality"), "JPEG quality of the web copies, 50 to 100.";
    Threads => "threads", env::THREADS, Some("--threads"), "Threads that work at the same time, up to 1024; 0 for one on each core.";
    MemoryBudget => "memory_budget", env::MEMORY_BUDGET, Some("--memory-budget"), "Memory that photos in work may take together, 100MB to 1TB.";
    Recursive => "recursive", env::RECURSIVE, Some("--recursive"), "Whether folders inside the listing folder are read too.";
    Brackets => "brackets", env::BRACKETS, Some("--brackets"), "Exposure brackets: `auto`, `off`, or the number of exposures in each, 2 to 9.";
    MaxFileBytes => "limits.max_file_bytes", env::MAX_FILE_BYTES, Some("--max-file-bytes"), "Largest photo file that is read, 1KB to 4GB.";
    MaxPixels => "limits.max_pixels", env::MAX_PIXELS, Some("--max-pixels"), "Largest picture that is decoded, 10000 pixels to 4000MP.";
    MaxPhotos => "limits.max_photos", env::MAX_PHOTOS, Some("--max-photos"), "Most photos of one listing, 1 to 100000.";
    ClipScoreThreshold => "judging.clip_score_threshold", env::CLIP_SCORE_THRESHOLD, Some("--clip-score-threshold"), "Least CLIP score of a generated picture, `2.5 * max(cosine, 0)`, 0 to 2.5, over the style's; `auto` for the style's, else the calibration of the model that scores (0.75 where there is none).";
    ClipModel => "judging.clip_model", env::CLIP_MODEL, Some("--clip-model"), "CLIP model that scores: `auto` for the first that is on this machine, `off`, or a name of `remedia models list`.";
    TileCorrelation => "judging.tile_correlation", env::TILE_CORRELATION, None, "Least correlation of the worst tile outside the mask with the photo, 0 to 1.";
    DriftPercent => "judging.drift_percent", env::DRIFT_PERCENT, None, "Largest movement of a corner of the picture, in percent of its diagonal, 0 to 10.";
    DetailRatio => "judging.detail_ratio", env::DETAIL_RATIO, None, "Least share of the photo's fine detail outside the mask, 0 to 1.";
    MaxMaskedShare => "judging.max_masked_share", env::MAX_MASKED_SHARE, None, "Largest share of the frame that a generated picture may change, 0 to 1.";
    KaggleInternet => "kaggle.internet", env::KAGGLE_INTERNET, None, "Whether a session on Kaggle may reach the internet; without, models and packages have to be attached.";
    KaggleDatasets => "kaggle.datasets", env::KAGGLE_DATASETS, None, "Datasets that a session on Kaggle is given beside the order, each `owner/name`: models and packages for a session without internet.";
    KaggleModels => "kaggle.models", env::KAGGLE_MODELS, None, "Models that a session on Kaggle is given, each `owner/model/framework/variation/version`.";
    Log => "log", env::LOG, Some("--log"), "How much is told on the error stream: `error`, `warn`, `info`, `debug` or `trace`.";
}

impl Key {
    /// The setting with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|key| key.name() == name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}
