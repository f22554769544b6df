//! Several runs in one session. Kaggle allows two GPU sessions at a time, so a run that finds both taken offers
//! itself here, in a folder of the home, and whoever gets a session next takes along what fits. An offer is a
//! file that is moved: whoever moves it has it, so that a run is never in two sessions, whichever process dies.

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::plan::RemoteSession;
use crate::fsx::{self, fs};
use crate::kaggle::Reference;
use crate::provider::contract::Order;

use super::memory::KernelRun;

/// The file that says which session took what lies beside it.
const KERNEL: &str = "kernel.json";
/// The file that says whose kernel it is, before it is known whether it runs.
const TAKER: &str = "taker.json";

/// How often an offer that is in no place is looked for before it counts as gone.
const LOOKS: usize = 5;

/// A run that waits for a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    /// The run.
    pub(super) run_id: String,
    /// The dataset with its order.
    pub(super) dataset: Reference,
    /// Seconds that it may take.
    pub(super) seconds: u64,
    /// What its session has to be given; a session serves runs that want the same.
    #[serde(default)]
    pub(super) session: RemoteSession,
}

/// Who took an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The kernel's name.
    pub(super) reference: Option<Reference>,
    /// The session, once it is known to run.
    pub(super) kernel: Option<KernelRun>,
}

/// The folder of a home in which runs are offered.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    root: PathBuf,
    /// A folder that only who drives this run writes to. Documents are made there and then moved, so that a
    /// killed process leaves nothing half-written where several look.
    workshop: PathBuf,
}

impl Queue {
    /// The one of the home that the order lies in.
    pub(super) fn of(order: &Order<'_>) -> Self {
        // <home>/jobs/<job>
        let home = order.work().ancestors().nth(2).unwrap_or(order.work());
        Self {
            root: home.join("kaggle-queue"),
            workshop: order.folder.to_owned(),
        }
    }

    fn open(&self) -> PathBuf {
        self.root.join("open")
    }

    fn taken(&self, by: &str) -> PathBuf {
        self.root.join("taken").join(by)
    }

    /// Offers a run.
    pub(super) fn offer(&self, offer: &Offer) -> io::Result<()> {
        fs::create_dir_all(self.open())?;
        self.put(&self.open().join(file(&offer.run_id)), offer)
    }

    /// Takes an offer back; whether it was still open.
    pub(super) fn withdraw(&self, run_id: &str) -> io::Result<bool> {
        found(fs::remove_file(self.open().join(file(run_id))))
    }

    /// Takes the offer of a run back; who has it where it is taken. Between two looks another process may
    /// take it or give it back, so what is in neither place is looked for again.
    pub(super) fn reclaim(&self, run_id: &str) -> io::Result<Option<Taken>> {
        for _ in 0..LOOKS {
            if self.withdraw(run_id)? {
                return Ok(None);
            }
            if let Some(taken) = self.taker(run_id)? {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }

    /// Takes open offers that want the same `session`, the oldest names first, as long as together they fit into
    /// `room` seconds, for the run `by`, whose kernel is called `reference`.
    pub(super) fn take(
        &self,
        by: &str,
        reference: &Reference,
        session: &RemoteSession,
        mut room: u64,
    ) -> io::Result<Vec<Offer>> {
        let mut offers: Vec<Offer> = documents(&self.open())?;
        offers.sort_by(|one, other| one.run_id.cmp(&other.run_id));
        let folder = self.taken(by);
        let mut mine = Vec::new();
        for offer in offers {
            if offer.seconds > room || offer.run_id == by || offer.session != *session {
                continue;
            }
            if mine.is_empty() {
                fs::create_dir_all(&folder)?;
                self.put(&folder.join(TAKER), reference)?;
            }
            let name = file(&offer.run_id);
            if found(fs::rename(self.open().join(&name), folder.join(&name)))? {
                room -= offer.seconds;
                mine.push(offer);
            }
        }
        Ok(mine)
    }

    /// Says which session does what `by` took, as far as its notebook names it; the rest is open again.
    pub(super) fn started(
        &self,
        by: &str,
        kernel: &KernelRun,
        names: impl Fn(&str) -> bool,
    ) -> io::Result<bool> {
        let folder = self.taken(by);
        let offers: Vec<Offer> = documents(&folder)?;
        let mut any = false;
        for offer in &offers {
            if names(&offer.run_id) {
                any = true;
            } else {
                let name = file(&offer.run_id);
                found(fs::rename(folder.join(&name), self.open().join(&name)))?;
            }
        }
        if any {
            self.put(&folder.join(KERNEL), kernel)?;
        }
        Ok(any)
    }

    /// Opens again what `by` took.
    pub(super) fn give_back(&self, by: &str) -> io::Result<()> {
        let folder = self.taken(by);
        let offers: Vec<Offer> = documents(&folder)?;
        for offer in offers {
            let name = file(&offer.run_id);
            found(fs::rename(folder.join(&name), self.open().join(&name)))?;
        }
        found(fs::remove_dir_all(folder)).map(|_| ())
    }

    /// Who took the offer of a run.
    pub(super) fn taker(&self, run_id: &str) -> io::Result<Option<Taken>> {
        let Some(folder) = self.folder_of(run_id)? else {
            return Ok(None);
        };
        Ok(Some(Taken {
            reference: read(&folder.join(TAKER))?,
            kernel: read(&folder.join(KERNEL))?,
        }))
    }

    /// Forgets the offer of a run that knows its session.
    pub(super) fn done(&self, run_id: &str) -> io::Result<()> {
        let Some(folder) = self.folder_of(run_id)? else {
            return Ok(());
        };
        found(fs::remove_file(folder.join(file(run_id))))?;
        if documents::<Offer>(&folder)?.is_empty() {
            found(fs::remove_dir_all(folder))?;
        }
        Ok(())
    }

    fn put<T: Serialize>(&self, path: &Path, document: &T) -> io::Result<()> {
        let made = self.workshop.join("kaggle-queue.json");
        fsx::write_atomic(&made, &serde_json::to_vec_pretty(document)?)?;
        fs::rename(made, path)?;
        path.parent().map_or(Ok(()), fsx::sync_directory)
    }

    fn folder_of(&self, run_id: &str) -> io::Result<Option<PathBuf>> {
        for folder in entries(&self.root.join("taken"))? {
            if folder.join(file(run_id)).try_exists()? {
                return Ok(Some(folder));
            }
        }
        Ok(None)
    }
}

fn file(run_id: &str) -> String {
    format!("{run_id}.json")
}

/// Whether it was there.
fn found(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries.map(|entry| Ok(entry?.path())).collect()
}

/// Every document of this form in a folder; others are passed over.
fn documents<T: DeserializeOwned>(folder: &Path) -> io::Result<Vec<T>> {
    let mut documents = Vec::new();
    for path in entries(folder)? {
        documents.extend(read(&path)?);
    }
    Ok(documents)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(run_id: &str, seconds: u64) -> Offer {
        Offer {
            run_id: run_id.to_owned(),
            dataset: "tester/remedia-oak".parse().unwrap(),
            seconds,
            session: RemoteSession::default(),
        }
    }

    #[test]
    fn an_offer_is_in_one_pair_of_hands() {
        let folder = tempfile::tempdir().unwrap();
        let queue = Queue {
            root: folder.path().join("kaggle-queue"),
            workshop: folder.path().to_owned(),
        };
        let reference: Reference = "tester/remedia-elm".parse().unwrap();
        assert_eq!(
            queue
                .take("elm-r1", &reference, &RemoteSession::default(), 100)
                .unwrap(),
            []
        );
        for one in [
            offer("ash-r1", 40),
            offer("oak-r1", 40),
            offer("yew-r1", 40),
        ] {
            queue.offer(&one).unwrap();
        }
        let offline = RemoteSession {
            internet: false,
            ..RemoteSession::default()
        };
        let none = queue.take("elm-r1", &reference, &offline, 1000).unwrap();
        assert_eq!(none, [], "a session serves runs that want the same");
        // What does not fit stays open, and what is taken cannot be withdrawn.
        let taken = queue
            .take("elm-r1", &reference, &RemoteSession::default(), 90)
            .unwrap();
        assert_eq!(taken, [offer("ash-r1", 40), offer("oak-r1", 40)]);
        assert!(!queue.withdraw("ash-r1").unwrap());
        assert_eq!(queue.reclaim("yew-r1").unwrap(), None);
        assert!(!queue.withdraw("yew-r1").unwrap());
        let waiting = queue.reclaim("oak-r1").unwrap().unwrap();
        assert_eq!(
            (waiting.reference, waiting.kernel),
            (Some(reference.clone()), None)
        );

        // A session that names only one of them: the other is open again.
        let kernel = KernelRun {
            reference: reference.clone(),
            version: 3,
            saved: "2026-11-23T08:00:00Z".parse().unwrap(),
            folder: None,
        };
        assert!(
            queue
                .started("elm-r1", &kernel, |run| run == "oak-r1")
                .unwrap()
        );
        let running = queue.taker("oak-r1").unwrap().unwrap();
        assert_eq!(running.kernel, Some(kernel));
        assert!(queue.withdraw("ash-r1").unwrap());
        queue.done("oak-r1").unwrap();
        assert_eq!(queue.taker("oak-r1").unwrap(), None);

        // A push that was refused opens everything again.
        queue.offer(&offer("ash-r1", 40)).unwrap();
        queue
            .take("elm-r1", &reference, &RemoteSession::default(), 90)
            .unwrap();
        queue.give_back("elm-r1").unwrap();
        assert_eq!(queue.taker("ash-r1").unwrap(), None);
        assert!(queue.withdraw("ash-r1").unwrap());
    }
}
