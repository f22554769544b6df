//! Exit codes: each once, with the words that `--help` and the README use.

/// What a finished command tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(u8, &'static str);

impl Exit {
    /// Everything asked for was done and delivered.
    pub const SUCCESS: Self = Self(0, "all delivered");
    /// Something failed that running again will not mend by itself.
    pub const ERROR: Self = Self(1, "error");
    /// The command line was not understood.
    pub const USAGE: Self = Self(2, "usage");
    /// The job is finished, but not every photo is as it was asked for.
    pub const PARTIAL: Self = Self(3, "finished, but some photos failed or need review");
    /// A provider refused the credentials, or there are none.
    pub const CREDENTIALS: Self = Self(4, "credentials");
    /// A quota, a provider, the network or a disk of this machine is in the way for now.
    pub const TEMPORARY: Self = Self(
        5,
        "temporary: quota, provider, network or disk; run again later",
    );
    /// A rule refuses what was asked for.
    pub const REFUSED: Self = Self(6, "refused by a rule");
    /// Nothing is wrong; a person or a remote run must act first.
    pub const WAITING: Self = Self(7, "waiting for a person or for a remote run");
    /// Another run of remedia works on it.
    pub const LOCKED: Self = Self(8, "another run holds the lock");
    /// Ctrl-C or a termination signal; the state is saved.
    pub const INTERRUPTED: Self = Self(130, "interrupted, state saved");

    /// Every exit code, in order.
    pub const ALL: &'static [Self] = &[
        Self::SUCCESS,
        Self::ERROR,
        Self::USAGE,
        Self::PARTIAL,
        Self::CREDENTIALS,
        Self::TEMPORARY,
        Self::REFUSED,
        Self::WAITING,
        Self::LOCKED,
        Self::INTERRUPTED,
    ];

    /// The number given to the system.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }

    /// What it means, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        self.1
    }
}

/// The table that stands at the end of `remedia --help`.
#[must_use]
pub fn table() -> String {
    let mut table = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        table.push_str(&format!("  {:>3}  {}\n", exit.code(), exit.meaning()));
    }
    table
}
