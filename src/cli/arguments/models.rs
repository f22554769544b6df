//! `remedia models` as it is typed.

use clap::{Args, Subcommand};

/// `remedia models`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia models                                   which models there are, and which are here\n  \
                  remedia models pull clip-vit-base-patch32        fetch one; go on where it stopped\n  \
                  remedia models pull --all --accept-licence       fetch all, for a script\n  \
                  remedia models verify                            read what is here and compare every byte\n\n\
                  Models lie in the cache that Hugging Face's tools share: HF_HUB_CACHE, HF_HOME/hub or\n\
                  ~/.cache/huggingface/hub. HF_ENDPOINT names a mirror, HF_TOKEN a token, HF_HUB_OFFLINE=1 stays offline."
)]
pub struct ModelsArgs {
    /// What to do; the default is the list.
    #[command(subcommand)]
    pub command: Option<ModelsCommand>,
}

/// What `remedia models` does.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// List the models: what for, licence, size, whether they are on this machine and where
    List,
    /// Fetch models that are not on this machine, or the rest of them
    Pull(PullArgs),
    /// Read the models on this machine and compare every byte with the pinned SHA-256
    Verify {
        /// Models (see `remedia models list`); without one, all that are on this machine
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

/// `remedia models pull`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia models pull clip-vit-base-patch32\n  \
                  remedia models pull clip-vit-large-patch14 --accept-licence --jsonl\n  \
                  HF_ENDPOINT=https://mirror.example remedia models pull --all\n\n\
                  An interrupted pull goes on where it stopped. What arrives is compared with its pinned SHA-256."
)]
pub struct PullArgs {
    /// Models (see `remedia models list`); may be several
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub names: Vec<String>,
    /// Every model of the list
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// Accept the licences of these models; they are shown all the same
    #[arg(long)]
    pub accept_licence: bool,
    /// Do not ask the hub; only check and link what is on this machine
    #[arg(long)]
    pub offline: bool,
    /// Longest pause in a transfer before it is tried again, such as `30s`
    #[arg(long, value_name = "TIME", default_value = "60s")]
    pub timeout: String,
}
