//! Everything a command works with: settings, printer, clock, and the wish to stop.

use std::path::{Path, PathBuf};

use crate::cli::arguments::{Cli, Command, GlobalArgs, ListingArgs};
use crate::clock::Clock;
use crate::config::{
    self, ClipModelSetting, Environment, Flags, Key, LoadRequest, LogLevel, Resolved, Settings,
};
use crate::engine::{Engine, EngineOptions, Interrupt, KaggleOptions};
use crate::http::Secret;
use crate::kaggle::KaggleEnvironment;
use crate::local::clip::ClipFiles;
use crate::models::{Cache, proxies};
use crate::provider::colab::{ColabCommand, PASSED_ON};

use super::failure::Failure;
use super::printer::{Form, Printer};

/// What every command gets.
#[derive(Debug)]
pub(crate) struct Context {
    /// Settings with their origins.
    pub(crate) resolved: Resolved,
    /// Who may print where.
    pub(crate) printer: Printer,
    /// The clock, frozen in tests.
    pub(crate) clock: Clock,
    /// Set by Ctrl-C and by a termination signal.
    pub(crate) interrupt: Interrupt,
    /// The environment, for what is no setting: the variables of the models' hub.
    pub(crate) environment: Environment,
    /// The folder that remedia was started in.
    pub(crate) working_directory: PathBuf,
    /// The script of the fake provider, where one is named.
    fake_script: Option<PathBuf>,
    /// Who signs in to Kaggle, and how it is reached.
    pub(crate) kaggle: KaggleOptions,
    /// The official command of Colab, where it is on this machine.
    pub(crate) colab: Option<ColabCommand>,
}

impl Context {
    /// Resolves the settings of this command line.
    pub(crate) fn load(cli: &Cli, form: Form) -> Result<Self, Failure> {
        let working_directory = std::env::current_dir().map_err(|error| {
            Failure::new(anyhow::Error::new(error).context("the current folder is gone"))
        })?;
        let environment = Environment::capture();
        #[cfg(debug_assertions)]
        if let Some(rules) = environment.get(config::env::TEST_FAULTS) {
            crate::fsx::arm(&rules.to_string_lossy())
                .map_err(|problem| Failure::usage(anyhow::anyhow!(problem)))?;
        }
        let fake_script = environment
            .get(config::env::FAKE_SCRIPT)
            .map(|path| working_directory.join(path));
        let kaggle = kaggle(&environment)?;
        let colab = colab(&environment, &working_directory);
        let resolved = config::load(&LoadRequest {
            flags: flags(cli),
            environment: environment.clone(),
            working_directory: working_directory.clone(),
            config_path: cli.global.config.clone(),
            no_config: cli.global.no_config,
        })
        .map_err(|error| {
            Failure::usage(error).hint("`remedia config show --origin` shows what is in force")
        })?;
        let global = &cli.global;
        let printer = Printer::new(
            form,
            global.quiet || resolved.settings.log == LogLevel::Error,
            global.verbose || resolved.settings.log >= LogLevel::Info,
            !global.no_progress,
            !resolved.color,
        );
        for warning in &resolved.warnings {
            printer.note(&format!("warning: {warning}"));
        }
        let clock = resolved.testing.now.map_or(Clock::system(), Clock::frozen);
        Ok(Self {
            resolved,
            printer,
            clock,
            interrupt: Interrupt::new(),
            environment,
            working_directory,
            fake_script,
            kaggle,
            colab,
        })
    }

    /// The settings.
    pub(crate) const fn settings(&self) -> &Settings {
        &self.resolved.settings
    }

    /// Opens the engine in the home that the settings name.
    pub(crate) fn engine(&self) -> Result<Engine, Failure> {
        Ok(Engine::open(self.engine_options(), self.clock)?)
    }

    /// How the engine is to work.
    pub(crate) fn engine_options(&self) -> EngineOptions {
        let settings = self.settings();
        EngineOptions {
            threads: settings.threads,
            memory_budget_bytes: settings.memory_budget_bytes,
            jpeg_quality: settings.jpeg_quality,
            web_long_side: settings.web_long_side,
            web_quality: settings.web_quality,
            max_file_bytes: settings.limits.max_file_bytes,
            max_pixels: settings.limits.max_pixels,
            clip: self.clip().unwrap_or_default(),
            fake_script: self.fake_script.clone(),
            kaggle: self.kaggle.clone(),
            colab: self.colab.clone(),
            ..EngineOptions::new(self.working_directory.join(&settings.home))
        }
    }

    /// The CLIP model that scores, where one is on this machine and wanted.
    ///
    /// # Errors
    /// Where the one that the settings name is not here, or not known.
    pub(crate) fn clip(&self) -> Result<Option<ClipFiles>, Failure> {
        let cache = Cache::from_environment(&self.environment)?;
        let found = match &self.settings().clip_model {
            ClipModelSetting::Off => None,
            ClipModelSetting::Auto => cache
                .registry()
                .models()
                .iter()
                .find_map(|model| cache.locate(&model.name)),
            ClipModelSetting::Named(name) => {
                let model = cache.registry().model(name)?;
                let found = cache.locate(&model.name).ok_or_else(|| {
                    Failure::usage(anyhow::anyhow!("the model `{name}` is not on this machine"))
                        .hint(format!("`remedia models pull {name}` fetches it"))
                })?;
                Some(found)
            }
        };
        Ok(found.and_then(|model| {
            let file = |name: &str| model.file(name).map(std::path::Path::to_path_buf);
            Some(ClipFiles {
                weights: file("model.safetensors")?,
                config: file("config.json")?,
                tokenizer: file("tokenizer.json")?,
                preprocessor: file("preprocessor_config.json"),
                id: model.repository.clone(),
                revision: model.revision.clone(),
            })
        }))
    }

    /// From now on Ctrl-C, a termination signal and the closing of the terminal ask the work to stop at the
    /// next safe point, unless the caller has set them to be ignored; a second one ends the process at once,
    /// which is as safe as a crash.
    pub(crate) fn watch_signals(&self) -> Result<(), Failure> {
        let interrupt = self.interrupt.clone();
        let printer = self.printer.clone();
        super::signals::watch(move || {
            if interrupt.is_requested() {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the second Ctrl-C must not wait for anything"
                )]
                std::process::exit(i32::from(super::exit::Exit::INTERRUPTED.code()));
            }
            printer.note("stopping after the photos in work; once more stops at once");
            interrupt.request();
        })
        .map_err(Failure::new)
    }
}

/// Where credentials for Kaggle may lie, and how it is reached.
fn kaggle(environment: &Environment) -> Result<KaggleOptions, Failure> {
    let text = |name: &str| -> Result<Option<String>, Failure> {
        let Some(value) = environment.get(name) else {
            return Ok(None);
        };
        let text = value.to_str().ok_or_else(|| {
            Failure::usage(anyhow::anyhow!("the variable `{name}` is no Unicode text"))
        })?;
        Ok(Some(text.to_owned()))
    };
    Ok(KaggleOptions {
        environment: KaggleEnvironment {
            home: environment.user_folder().map(Path::to_path_buf),
            config_dir: environment
                .get(config::env::KAGGLE_CONFIG_DIR)
                .map(PathBuf::from),
            xdg_config_home: environment
                .get(config::env::XDG_CONFIG_HOME)
                .map(PathBuf::from),
            api_token: text(config::env::KAGGLE_API_TOKEN)?.map(Secret::new),
            username: text(config::env::KAGGLE_USERNAME)?,
            key: text(config::env::KAGGLE_KEY)?.map(Secret::new),
        },
        address: text(config::env::KAGGLE_URL)?,
        proxies: proxies(environment)?,
    })
}

/// The official command of Colab: the one that is named, else the one that `PATH` finds.
fn colab(environment: &Environment, working_directory: &Path) -> Option<ColabCommand> {
    let program = match environment.get(config::env::COLAB_COMMAND) {
        Some(named) if named == "off" => return None,
        Some(named) => working_directory.join(named),
        None => std::env::split_paths(environment.get(config::env::PATH)?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join("colab"))
            .find(|program| program.is_file())?,
    };
    let environment = PASSED_ON
        .iter()
        .filter_map(|name| Some(((*name).into(), environment.get(name)?.to_owned())))
        .collect();
    Some(ColabCommand {
        program,
        environment,
    })
}

/// The settings that the command line gives.
fn flags(cli: &Cli) -> Flags {
    let GlobalArgs {
        home,
        threads,
        memory_budget,
        log,
        ..
    } = &cli.global;
    let flags = Flags::default()
        .with(Key::Home, home.as_ref())
        .with(Key::Threads, threads.as_ref())
        .with(Key::MemoryBudget, memory_budget.as_ref())
        .with(Key::Log, log.as_ref());
    match &cli.command {
        Command::Plan(arguments) => listing_flags(flags, &arguments.listing),
        Command::Submit(arguments) => listing_flags(flags, &arguments.listing),
        Command::Bundle(arguments) => match &arguments.listing {
            Some(listing) => listing_flags(flags, listing),
            None => flags,
        },
        Command::Export(arguments) => listing_flags(flags, &arguments.listing)
            .with(Key::Provider, Some(arguments.to.provider())),
        Command::Styles(arguments) => flags.with(Key::Styles, arguments.styles.as_ref()),
        _ => flags,
    }
}

fn listing_flags(flags: Flags, listing: &ListingArgs) -> Flags {
    flags
        .with(Key::Style, listing.style.as_ref())
        .with(Key::Styles, listing.styles.as_ref())
        .with(Key::Operations, listing.operations.as_ref())
        .with(Key::Provider, listing.provider.as_ref())
        .with(Key::Out, listing.out.as_ref())
        .with(Key::Recursive, listing.recursive.then_some("true"))
        .with(Key::Brackets, listing.brackets.as_ref())
        .with(Key::Seed, listing.seed.as_ref())
        .with(Key::MaxAttempts, listing.max_attempts.as_ref())
        .with(
            Key::ClipScoreThreshold,
            listing.clip_score_threshold.as_ref(),
        )
        .with(Key::ClipModel, listing.clip_model.as_ref())
        .with(Key::JpegQuality, listing.jpeg_quality.as_ref())
        .with(Key::WebLongSide, listing.web_long_side.as_ref())
        .with(Key::WebQuality, listing.web_quality.as_ref())
        .with(Key::MaxFileBytes, listing.max_file_bytes.as_ref())
        .with(Key::MaxPixels, listing.max_pixels.as_ref())
        .with(Key::MaxPhotos, listing.max_photos.as_ref())
}
