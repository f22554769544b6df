//! The command line as it is typed. Nothing is resolved here: settings come together in
//! the module `context`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::exit;

mod models;

pub use models::{ModelsArgs, ModelsCommand, PullArgs};

/// Turns a folder of listing photos into finished media.
#[derive(Debug, Parser)]
#[command(
    name = "remedia",
    version,
    about,
    long_about = "Turns a folder of listing photos into finished media: enhanced photos at native size, web \
                  copies, paired originals, a disclosure that says what was done, and a gallery that \
                  opens from disk.\n\nThe originals are never written to. Every command can be asked again safely.",
    after_help = "Examples:\n  remedia submit ./listing --style modern     enhance a listing and deliver it\n  \
                  remedia plan ./listing --style modern       show what would be done, change nothing\n  \
                  remedia run --once                          finish whatever is due (for cron)\n\n\
                  `remedia help COMMAND` says more.",
    after_long_help = exit::table(),
    disable_help_subcommand = false,
    max_term_width = 100
)]
pub struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Read settings from this file instead of ./remedia.toml and the user's file
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read no settings file at all
    #[arg(long, global = true, conflicts_with = "config")]
    pub no_config: bool,
    /// Folder of the job records and work files
    #[arg(long, global = true, value_name = "FOLDER")]
    pub home: Option<PathBuf>,
    /// Print the result as one JSON document
    #[arg(long, global = true)]
    pub json: bool,
    /// Print events and result as JSON, one document a line
    #[arg(long, global = true, conflicts_with = "json")]
    pub jsonl: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Draw no bars and print no progress lines
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Threads for pixel work; 0 means one for each core
    #[arg(long, global = true, value_name = "N")]
    pub threads: Option<String>,
    /// Memory that photos in work may take together, such as `1GB`
    #[arg(long, global = true, value_name = "SIZE")]
    pub memory_budget: Option<String>,
    /// How much is told: `error`, `warn`, `info`, `debug` or `trace`
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what would be done to each photo, by whom, with which numbers; change nothing
    Plan(PlanArgs),
    /// Make a job of a listing and drive it to the end
    Submit(SubmitArgs),
    /// Write what a worker elsewhere would get as one file, without sending it; or check such a file
    Bundle(Box<BundleArgs>),
    /// Make a job whose pictures a person makes in a browser, and write what the person needs
    Export(Box<ExportArgs>),
    /// Take the results of an exported job and finish it
    Import(ImportArgs),
    /// Drive every job that is due: what cron calls
    Run(RunArgs),
    /// Say where jobs stand
    Status(StatusArgs),
    /// List the jobs, newest first
    List(ListArgs),
    /// Show one job: every photo, operation, attempt and number
    Show(ShowArgs),
    /// Print what happened in a job
    Logs(LogsArgs),
    /// Wait until a job that another run drives has ended
    Wait(WaitArgs),
    /// Do photos of a finished job again, with new seeds
    Retry(RetryArgs),
    /// Accept photos that wait for review
    Approve(ReviewArgs),
    /// Reject photos that wait for review: made again while attempts are left, else the enhanced photo
    Reject(ReviewArgs),
    /// Deliver an earlier version of a photo, or the photo without what was generated
    Revert(RevertArgs),
    /// Stop a job for good; what it delivered stays
    Cancel(JobArgs),
    /// Go on with a job that was interrupted or waits for a person
    Resume(JobArgs),
    /// Write the delivered folder of a job again
    Deliver(JobArgs),
    /// Success and failure rates, attempts, times and reasons over all jobs
    Stats(StatsArgs),
    /// List the styles, or show one
    Styles(StylesArgs),
    /// List the models that score pictures, fetch them, check them
    Models(ModelsArgs),
    /// Check this machine: folders, disk, database, settings, models
    Doctor(DoctorArgs),
    /// Show the settings in force
    Config(ConfigArgs),
    /// Remove work files that no job needs any more
    Gc(GcArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// What names a listing and what to do to it.
#[derive(Clone, Debug, Args)]
pub struct ListingArgs {
    /// Folder with the photos of one listing
    #[arg(value_name = "LISTING")]
    pub listing: PathBuf,
    /// Style, by name or alias (see `remedia styles`)
    #[arg(short, long, value_name = "NAME")]
    pub style: Option<String>,
    /// Folder with styles of your own
    #[arg(long, value_name = "FOLDER")]
    pub styles: Option<PathBuf>,
    /// `auto`, or a list of `enhance`, `stage`, `video`
    #[arg(long, value_name = "LIST")]
    pub operations: Option<String>,
    /// Who makes pixels that this machine does not make itself: `kaggle`, `colab`, `local` for nobody, or
    /// `fake` for tests and dry runs
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Folder that receives the delivered listing
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
    /// Look for photos in sub-folders too
    #[arg(short, long)]
    pub recursive: bool,
    /// Exposure brackets: `auto`, `off`, or the number of exposures in each
    #[arg(long, value_name = "MODE")]
    pub brackets: Option<String>,
    /// What a photo shows, such as `IMG_0012.jpg="Living Room"`; may be repeated
    #[arg(long = "room", value_name = "FILE=ROOM")]
    pub rooms: Vec<String>,
    /// Fix a step of the enhancement, such as `exposure=0.3` or `roll_correction=off`; may be repeated
    #[arg(long = "set", value_name = "STEP=VALUE")]
    pub steps: Vec<String>,
    /// Title of the listing; the default is listing.toml's, else the folder's name
    #[arg(long, value_name = "TEXT")]
    pub title: Option<String>,
    /// Seed of everything random
    #[arg(long, value_name = "N")]
    pub seed: Option<String>,
    /// Attempts for each generated picture
    #[arg(long, value_name = "N")]
    pub max_attempts: Option<String>,
    /// Least CLIP score of a generated picture on the scale of CLIPScore, 2.5 × the cosine, so that
    /// 0.75 is a cosine of 0.30; a raw cosine of 0.75 never occurs
    #[arg(long, value_name = "SCORE")]
    pub clip_score_threshold: Option<String>,
    /// CLIP model that scores generated pictures: `auto`, `off`, or a name of `remedia models list`
    #[arg(long, value_name = "NAME")]
    pub clip_model: Option<String>,
    /// JPEG quality of the finished photos
    #[arg(long, value_name = "N", help_heading = "Sizes and limits")]
    pub jpeg_quality: Option<String>,
    /// Long side of the web copies in pixels
    #[arg(long, value_name = "PIXELS", help_heading = "Sizes and limits")]
    pub web_long_side: Option<String>,
    /// JPEG quality of the web copies
    #[arg(long, value_name = "N", help_heading = "Sizes and limits")]
    pub web_quality: Option<String>,
    /// Largest photo file that is read, such as `200MB`
    #[arg(long, value_name = "SIZE", help_heading = "Sizes and limits")]
    pub max_file_bytes: Option<String>,
    /// Largest picture that is decoded, such as `200MP`
    #[arg(long, value_name = "PIXELS", help_heading = "Sizes and limits")]
    pub max_pixels: Option<String>,
    /// Most photos of one listing
    #[arg(long, value_name = "N", help_heading = "Sizes and limits")]
    pub max_photos: Option<String>,
}

/// `remedia plan`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia plan ./listing --style modern\n  remedia plan ./listing --json | jq '.plan.photos[].room'"
)]
pub struct PlanArgs {
    /// Listing and wishes.
    #[command(flatten)]
    pub listing: ListingArgs,
}

/// `remedia submit`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia submit ./listing --style modern\n  remedia submit ./listing --style coastal --out ./finished --room IMG_0007.jpg=Kitchen\n  remedia submit ./listing --set vertical_correction=off --jsonl\n\n\
The same submit again finds the same job and ends at once."
)]
pub struct SubmitArgs {
    /// Listing and wishes.
    #[command(flatten)]
    pub listing: ListingArgs,
    /// Make a new job even if the same one is finished
    #[arg(long)]
    pub force: bool,
    /// Record the job and return; `remedia run` does the work
    #[arg(long)]
    pub detach: bool,
}

/// `remedia bundle`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  remedia bundle ./listing --style modern --operations stage --provider kaggle --to order.zip\n  remedia bundle verify order.zip\n\nThe same listing and plan give the same bytes, on every machine. A bundle holds photos at working size without\nmetadata and the order; no place, no path, no name of a user and no token."
)]
pub struct BundleArgs {
    /// Check a bundle instead.
    #[command(subcommand)]
    pub command: Option<BundleCommand>,
    /// Listing and wishes.
    #[command(flatten)]
    pub listing: Option<ListingArgs>,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "remedia-bundle.zip")]
    pub to: PathBuf,
}

/// What can be done with a bundle.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Check that a bundle is whole and holds nothing else
    Verify {
        /// The bundle
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// `remedia export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  remedia export ./listing --style modern --to colab\n  remedia import JOB ~/Downloads/RUN-results.zip\n\nThe same export again finds the same job and writes the same bytes."
)]
pub struct ExportArgs {
    /// Listing and wishes.
    #[command(flatten)]
    pub listing: ListingArgs,
    /// Where the person makes the pictures
    #[arg(long, value_enum, value_name = "PLACE")]
    pub to: ExportTarget,
    /// Folder for the archive, the notebook and the steps; the default is `./LISTING-colab`
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
}

/// Where a person makes pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportTarget {
    /// Google Colab, in a browser
    Colab,
}

impl ExportTarget {
    /// The provider's name.
    #[must_use]
    pub const fn provider(self) -> &'static str {
        match self {
            Self::Colab => "colab",
        }
    }
}

/// `remedia import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia import last ~/Downloads/RUN-results.zip\n  remedia import last part-1.zip part-2.zip\n  remedia import last ./remedia-results\n\n\
Results of another run or job are refused, and so are changed ones; what is missing is asked for again.\nThe same import again changes nothing."
)]
pub struct ImportArgs {
    /// Job (see `remedia list`)
    pub job: String,
    /// What the notebook made: a ZIP archive, the folder that it unpacks to, or several parts
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<PathBuf>,
}

/// `remedia run`.
#[derive(Debug, Args)]
#[command(after_help = "Example for cron:\n  */10 * * * * remedia run --once --max-duration 50m")]
pub struct RunArgs {
    /// End when nothing is due any more instead of waiting for new work
    #[arg(long)]
    pub once: bool,
    /// Stop after this long, such as `50m`; what is left is done by the next run
    #[arg(long, value_name = "TIME")]
    pub max_duration: Option<String>,
}

/// `remedia status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Job; without one, all jobs are counted by state
    pub job: Option<String>,
}

/// `remedia list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Only jobs in this state, such as `delivered`
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// At most this many jobs
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: u32,
}

/// A command on one job.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Job (see `remedia list`)
    pub job: String,
}

/// `remedia logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Job (see `remedia list`)
    pub job: String,
    /// Go on printing until the job has ended
    #[arg(short, long)]
    pub follow: bool,
}

/// `remedia wait`.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Job (see `remedia list`)
    pub job: String,
    /// Give up after this long, such as `30m`
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<String>,
}

/// `remedia retry`.
#[derive(Debug, Args)]
pub struct RetryArgs {
    /// Job (see `remedia list`)
    pub job: String,
    /// Every photo that failed or was given up (the default where no photo is named)
    #[arg(long, conflicts_with = "photos")]
    pub failed: bool,
    /// A photo, by file name or id; may be repeated
    #[arg(long = "photo", value_name = "PHOTO")]
    pub photos: Vec<String>,
    /// Seed of the new attempt; each attempt on a photo has another
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=crate::domain::plan::LARGEST_SEED))]
    pub seed: Option<u64>,
}

/// `remedia show`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia show last\n  remedia show last --photo 03-bedroom.jpg     every attempt: seed, numbers, scores, gates, reasons"
)]
pub struct ShowArgs {
    /// Job (see `remedia list`)
    pub job: String,
    /// Only this photo, by file name or id, with everything about each attempt; may be repeated
    #[arg(long = "photo", value_name = "PHOTO")]
    pub photos: Vec<String>,
}

/// `remedia revert`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia revert last --photo 03-bedroom.jpg                back to the version before\n  remedia revert last --photo 03-bedroom.jpg --attempt 2    deliver what attempt 2 made\n  remedia revert last --photo 03-bedroom.jpg --without      deliver the enhanced photo, unstaged\n\n\
No version is ever changed or removed: going back adds a version. `remedia show JOB --photo PHOTO` lists them."
)]
pub struct RevertArgs {
    /// Job (see `remedia list`)
    pub job: String,
    /// The photo, by file name or id
    #[arg(long, value_name = "PHOTO")]
    pub photo: String,
    /// The version to deliver; without this the one before the present one
    #[arg(long, value_name = "N", conflicts_with_all = ["attempt", "without"])]
    pub to: Option<u32>,
    /// The attempt whose result is delivered
    #[arg(long, value_name = "N", conflicts_with = "without")]
    pub attempt: Option<u32>,
    /// Deliver the photo without what was generated
    #[arg(long)]
    pub without: bool,
}

/// `remedia approve` and `remedia reject`.
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// Job (see `remedia list`)
    pub job: String,
    /// A photo, by file name or id; may be repeated; without one, all that wait
    #[arg(long = "photo", value_name = "PHOTO")]
    pub photos: Vec<String>,
}

/// `remedia stats`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  remedia stats --since 30d\n  remedia stats --style modern --provider fake --json\n  remedia stats --prometheus /var/lib/node_exporter/remedia.prom > /dev/null\n\n\
A rate is a share of the operations that are settled: accepted, or given up. Quantiles are exact to within 2 percent."
)]
pub struct StatsArgs {
    /// Only jobs made at most this long ago, such as `30d`
    #[arg(long, value_name = "TIME", conflicts_with = "prometheus")]
    pub since: Option<String>,
    /// Only jobs in this style, by name or alias
    #[arg(long, value_name = "NAME")]
    pub style: Option<String>,
    /// Only pictures of this room, such as `Kitchen`; times of whole jobs are then left out
    #[arg(long, value_name = "ROOM")]
    pub room: Option<String>,
    /// Only operations by this executor: `embedded`, or a provider's name
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Also write them to this file in the text format of Prometheus, for a node exporter's textfile
    /// collector; always of all time, for a counter must not fall
    #[arg(long, value_name = "FILE")]
    pub prometheus: Option<PathBuf>,
}

/// `remedia styles`.
#[derive(Debug, Args)]
pub struct StylesArgs {
    /// Folder with styles of your own
    #[arg(long, global = true, value_name = "FOLDER")]
    pub styles: Option<PathBuf>,
    /// What to print; the default is the list.
    #[command(subcommand)]
    pub command: Option<StylesCommand>,
}

/// What `remedia styles` prints.
#[derive(Debug, Subcommand)]
pub enum StylesCommand {
    /// List the styles with their aliases
    List,
    /// Print one style
    Show {
        /// Name or alias
        name: String,
    },
    /// Print the JSON Schema of a style file
    Schema,
}

/// `remedia config`.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    /// What to print.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// What `remedia config` prints.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every setting in force
    Show {
        /// Say where each value comes from
        #[arg(long)]
        origin: bool,
    },
}

/// `remedia doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Save what can be read of a damaged database into a new one; the damaged one is kept
    #[arg(long)]
    pub repair: bool,
}

/// `remedia gc`.
#[derive(Debug, Args)]
#[command(after_help = "Delivered folders, originals and the job records are never touched.")]
pub struct GcArgs {
    /// Only say what would be removed (the default)
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Remove it
    #[arg(long)]
    pub yes: bool,
    /// Only jobs that ended at least this long ago, such as `30d`
    #[arg(long, value_name = "TIME", default_value = "7d")]
    pub older_than: String,
    /// Datasets and kernels of ended jobs at their providers, instead of files on this machine
    #[arg(long)]
    pub remote: bool,
}

/// `remedia completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// Shell
    pub shell: Shell,
}

/// Reads the command line.
///
/// # Errors
/// clap's own: help and version asked for, or a usage error; each prints itself.
pub fn parse(arguments: Vec<OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
