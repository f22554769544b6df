//! `remedia models`: list them, fetch them, check them.

mod list;
mod pull;
mod verify;

use crate::cli::arguments::{ModelsArgs, ModelsCommand};
use crate::cli::context::Context;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::fsx::printable;
use crate::models::{
    AcceptanceError, Acceptances, Cache, CacheError, HubError, Model, UnknownModel,
};

/// The version of the documents of this command that this build writes.
const MODELS_SCHEMA_VERSION: u32 = 1;

/// Carries the command out.
pub(crate) fn run(arguments: &ModelsArgs, context: &Context) -> Result<Exit, Failure> {
    let cache = Cache::from_environment(&context.environment)?;
    match &arguments.command {
        None | Some(ModelsCommand::List) => list::list(context, &cache),
        Some(ModelsCommand::Pull(pull_arguments)) => pull::pull(pull_arguments, context, &cache),
        Some(ModelsCommand::Verify { names }) => verify::verify(names, context, &cache),
    }
}

fn acceptances(context: &Context) -> Result<Acceptances, Failure> {
    let home = context.working_directory.join(&context.settings().home);
    Ok(Acceptances::load(&home)?)
}

/// The models that are named, each once, or all.
fn chosen<'a>(
    cache: &'a Cache,
    names: &[String],
    all: bool,
) -> Result<Vec<&'a Model>, UnknownModel> {
    if all {
        return Ok(cache.registry().models().iter().collect());
    }
    let mut models: Vec<&Model> = Vec::new();
    for name in names {
        let model = cache.registry().model(name)?;
        if !models.iter().any(|known| known.name == model.name) {
            models.push(model);
        }
    }
    Ok(models)
}

/// Which CLIP model is on this machine, for `remedia doctor`: a sentence, and a hint where there is none.
pub(crate) fn clip_on_this_machine(context: &Context) -> Result<String, (String, String)> {
    let cache = Cache::from_environment(&context.environment)
        .map_err(|error| (error.to_string(), "set HF_HUB_CACHE or HF_HOME".to_owned()))?;
    let models = cache.registry().models();
    let here: Vec<&str> = models
        .iter()
        .filter(|model| cache.locate(&model.name).is_some())
        .map(|model| model.name.as_str())
        .collect();
    if here.is_empty() {
        let first = models.first().map_or("NAME", |model| model.name.as_str());
        return Err((
            "none is on this machine: what a picture shows is scored only where a worker scores it"
                .to_owned(),
            format!("`remedia models pull {first}` fetches one"),
        ));
    }
    Ok(format!("{} in {}", here.join(", "), shown(cache.folder())))
}

fn shown(path: &std::path::Path) -> String {
    printable(&path.to_string_lossy())
}

impl From<UnknownModel> for Failure {
    fn from(error: UnknownModel) -> Self {
        Self::usage(error).hint("`remedia models list` lists them")
    }
}

impl From<CacheError> for Failure {
    fn from(error: CacheError) -> Self {
        Self::new(error)
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        let exit = match &error {
            HubError::Token { .. } | HubError::Unreadable(_) => Exit::CREDENTIALS,
            HubError::Endpoint(_) | HubError::NotText(_) => Exit::USAGE,
        };
        Self::new(error)
            .exit(exit)
            .hint("mend or unset that variable, then ask again")
    }
}

impl From<AcceptanceError> for Failure {
    fn from(error: AcceptanceError) -> Self {
        Self::new(error).hint("mend or remove that file, then ask again")
    }
}
