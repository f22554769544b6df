//! The official `colab` command as a subprocess: arguments as a list and never through a shell, nothing of the
//! environment but what it needs, files that only their owner may read (it logs tokens), no input, and a time
//! limit of our own round every call, for it has none.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::fsx;

/// Variables that the command may see; tokens of other services are not among them.
pub const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "https_proxy",
    "http_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CLOUDSDK_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "COLAB_CLI_REQUEST_TIMEOUT",
    "COLAB_CLI_ASSIGN_RETRIES",
    "COLAB_CLI_RETRY_BACKOFF",
];
/// Most of its output that is kept, in bytes.
const LONGEST_OUTPUT: u64 = 4 << 20;
/// How often a running command is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long its output is waited for after its end: something that it started may hold it open.
const DRAIN: Duration = Duration::from_secs(2);
/// Characters of its last line that are told.
const WIDTH: usize = 200;

/// Where the command is, and what it may see of the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct ColabCommand {
    /// The program.
    pub program: PathBuf,
    /// Its whole environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// Names alone: a value may hold a password.
impl std::fmt::Debug for ColabCommand {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ColabCommand")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// What a call said.
#[derive(Debug)]
pub(super) struct Said {
    /// Whether it ended with exit code 0, which says little: code that raised ends so too.
    pub(super) is_good: bool,
    pub(super) out: String,
    pub(super) error: String,
}

impl Said {
    /// The last thing that it said, fit for a terminal.
    pub(super) fn last_words(&self) -> String {
        let lines = self.out.lines().chain(self.error.lines());
        let last = lines
            .map(str::trim)
            .rfind(|line| !line.is_empty())
            .unwrap_or("it said nothing");
        fsx::printable(last).chars().take(WIDTH).collect()
    }
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommandFault {
    /// It cannot be started.
    #[error("`{0}` cannot be started: {1}")]
    NotStarted(PathBuf, io::Error),
    /// It was ended after its time.
    #[error("`colab {0}` did not end within {1} seconds")]
    TooLong(String, u64),
    /// A person interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl CommandFault {
    /// Whether the same call may succeed later.
    pub(super) const fn is_retryable(&self) -> bool {
        matches!(self, Self::TooLong(..))
    }
}

impl ColabCommand {
    /// Runs it in `folder` and waits for its end.
    pub(super) fn run(
        &self,
        arguments: &[&OsStr],
        folder: &Path,
        limit: Duration,
        interrupted: &dyn Fn() -> bool,
    ) -> Result<Said, CommandFault> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // Ctrl-C is ours to answer: half a `new` would leave a session that nobody knows.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = spawn_private(&mut command)
            .map_err(|error| CommandFault::NotStarted(self.program.clone(), error))?;
        let out = Listener::new(child.stdout.take());
        let error = Listener::new(child.stderr.take());
        let started = Instant::now();
        let status = loop {
            if let Ok(Some(status)) = child.try_wait() {
                break status;
            }
            let fault = if interrupted() {
                CommandFault::Interrupted
            } else if started.elapsed() >= limit {
                let first = arguments.first().map(|word| word.to_string_lossy());
                CommandFault::TooLong(first.unwrap_or_default().into_owned(), limit.as_secs())
            } else {
                thread::sleep(LOOK);
                continue;
            };
            end(&mut child);
            return Err(fault);
        };
        Ok(said(status, out, error))
    }
}

fn said(status: ExitStatus, out: Listener, error: Listener) -> Said {
    let until = Instant::now() + DRAIN;
    Said {
        is_good: status.success(),
        out: out.text(until),
        error: error.text(until),
    }
}

/// Starts it with a file mode mask under which nobody else may read what it writes.
#[cfg(unix)]
fn spawn_private(command: &mut Command) -> io::Result<Child> {
    use rustix::fs::Mode;
    use rustix::process::umask;
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // The mask belongs to the whole process, and a child inherits it: it is narrow for as long as a start
    // takes. Whatever this process makes meanwhile is the more private for it.
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = umask(Mode::RWXG | Mode::RWXO);
    let child = command.spawn();
    umask(before);
    child
}

#[cfg(not(unix))]
fn spawn_private(command: &mut Command) -> io::Result<Child> {
    command.spawn()
}

/// Ends it and what it started.
fn end(child: &mut Child) {
    #[cfg(unix)]
    {
        use rustix::process::{Pid, Signal, kill_process_group};
        let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// Reads what a process says while it runs, up to a limit; what is beyond is read and dropped, so that it never
/// waits for us.
struct Listener {
    text: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    fn new(stream: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let thread = stream.map(|mut stream| {
            thread::spawn(move || {
                let mut buffer = vec![0; 1 << 14];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    let mut text = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    if (text.len() as u64) < LONGEST_OUTPUT {
                        text.extend_from_slice(buffer.get(..read).unwrap_or_default());
                    }
                }
            })
        });
        Self { text, thread }
    }

    fn text(self, until: Instant) -> String {
        while self
            .thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
            && Instant::now() < until
        {
            thread::sleep(Duration::from_millis(2));
        }
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }
}
