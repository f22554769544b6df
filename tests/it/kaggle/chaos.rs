//! Everything goes wrong, by chance and by the same chance each time: calls fail in every way that Kaggle and
//! the network know, and the process is killed at any moment. Whatever happens, a job ends delivered or says
//! why not, nothing is made twice, and no secret is left anywhere.

use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use remedia::domain::id::JobId;
use remedia::domain::retry::RetryPolicy;
use remedia::domain::state::JobState;
use remedia::engine::NoEvents;

use super::journey::{Minutes, TOKEN};
use super::worker::Mood;
use crate::fake_kaggle::{FaultPlan, Pace, Settings};

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (value ^ (value >> 31)) % end
    }
}

const SLOW: Pace = Pace {
    milliseconds: 70_000,
    questions: None,
};

/// What must be true of a job at Kaggle after everything.
fn held(minutes: &Minutes, job: &JobId, seed: u64) {
    let state = minutes.state(job);
    let story = || format!("seed {seed}: {}", minutes.story(job));
    assert!(
        matches!(state, JobState::Delivered | JobState::Failed),
        "{state}: {}",
        story()
    );
    let engine = minutes
        .house
        .engine_at(minutes.now(), RetryPolicy::default());
    let orders = engine.show(job).unwrap().orders.len();
    if state == JobState::Failed {
        assert!(minutes.story(job).contains("Failed {"), "{}", story());
    }
    let slug = Minutes::slug(job);
    let (datasets, kernels) = (
        minutes.kaggle.dataset_versions(&slug),
        minutes.kaggle.kernel_versions(&slug),
    );
    assert!(
        datasets <= orders,
        "{datasets} datasets, {orders} orders: {}",
        story()
    );
    assert!(
        kernels <= orders,
        "{kernels} kernels, {orders} orders: {}",
        story()
    );
    minutes.nothing_leaked();
    let mut given = minutes.given.lock().unwrap().clone();
    given.sort_unstable();
    let all = given.len();
    given.dedup();
    assert_eq!(given.len(), all, "a run was done twice: {}", story());
}

/// Every fifth listing has so many photos that they go up as one archive.
fn add_photos(minutes: &Minutes, seed: u64) {
    if seed.is_multiple_of(5) {
        minutes.add_many_photos();
    }
}

fn moods(random: &mut Random) -> Vec<Mood> {
    let all = [Mood::Good, Mood::Good, Mood::DiesAfter(1), Mood::Breaks];
    (0..2)
        .filter_map(|_| all.get(random.below(all.len() as u64) as usize).copied())
        .collect()
}

#[test]
fn faults_of_every_kind_lose_nothing_and_make_nothing_twice() {
    let mut faults = 0;
    let mut delivered = 0;
    let mut jobs = 0;
    for seed in 0.. {
        let mut random = Random(seed);
        let minutes = Minutes::new(&moods(&mut random), SLOW);
        add_photos(&minutes, seed);
        minutes.kaggle.set_faults(FaultPlan::chaos(seed, 0.3, 40));
        let job = minutes.submit("stage");
        minutes.until_it_rests(&job, 400);
        held(&minutes, &job, seed);
        faults += minutes.kaggle.injected_faults().len();
        delivered += usize::from(minutes.state(&job) == JobState::Delivered);
        jobs += 1;
        if faults >= 300 {
            break;
        }
    }
    assert!(
        delivered * 10 >= jobs * 8,
        "{delivered} of {jobs} delivered"
    );
}

#[test]
fn runs_that_share_sessions_are_done_once_whatever_fails() {
    let mut faults = 0;
    for seed in 5000.. {
        let mut random = Random(seed);
        let minutes = Minutes::new(&moods(&mut random), SLOW);
        let settings = minutes.kaggle.settings();
        minutes.kaggle.set_settings(Settings {
            accelerator_sessions: 1,
            ..settings
        });
        minutes.kaggle.set_faults(FaultPlan::chaos(seed, 0.15, 40));
        let mut request = minutes.house.request("kaggle", "stage");
        request.force = true;
        let engine = minutes
            .house
            .engine_at(minutes.now(), RetryPolicy::default());
        let jobs: Vec<_> = (0..3)
            .map(|_| engine.submit(&request, &mut NoEvents).unwrap().job)
            .collect();
        for _ in 0..400 {
            minutes.cron();
            minutes.pass(Duration::from_secs(60));
            if jobs.iter().all(|job| minutes.state(job).work().is_none()) {
                break;
            }
        }
        for job in &jobs {
            held(&minutes, job, seed);
        }
        faults += minutes.kaggle.injected_faults().len();
        if faults >= 100 {
            break;
        }
    }
}

/// `REMEDIA_TEST_KILLS` says how many processes are killed.
#[test]
fn a_process_that_is_killed_at_any_moment_is_gone_on_with() {
    let wanted = std::env::var("REMEDIA_TEST_KILLS").map_or(100, |text| text.parse().unwrap());
    let mut kills = 0;
    for seed in 1000.. {
        let mut random = Random(seed);
        let minutes = Minutes::new(&moods(&mut random), SLOW);
        add_photos(&minutes, seed);
        minutes.kaggle.set_faults(FaultPlan::chaos(seed, 0.1, 10));
        let job = minutes.submit("stage");
        for _ in 0..600 {
            if minutes.state(&job).work().is_none() {
                break;
            }
            // Every third run is left alone, so that each job comes to an end.
            let patience = (random.below(3) != 0).then(|| {
                let most = if random.below(2) == 0 { 60 } else { 400 };
                Duration::from_millis(random.below(most))
            });
            kills += u32::from(cron(&minutes, patience));
            minutes.pass(Duration::from_secs(60));
        }
        held(&minutes, &job, seed);
        if kills >= wanted {
            break;
        }
    }
}

/// One run of the binary as cron starts it, killed after `patience`; whether it was.
fn cron(minutes: &Minutes, patience: Option<Duration>) -> bool {
    let mut child = Command::new(env!("CARGO_BIN_EXE_remedia"))
        .args(["run", "--once", "--quiet"])
        .current_dir(minutes.house.root())
        .env_clear()
        .env("HOME", minutes.house.root())
        .env("REMEDIA_HOME", minutes.house.home())
        .env("REMEDIA_THREADS", "2")
        .env("REMEDIA_TEST_NOW", minutes.now().to_string())
        .env("REMEDIA_KAGGLE_URL", minutes.kaggle.url())
        .env("KAGGLE_API_TOKEN", TOKEN)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let Some(patience) = patience else {
        child.wait().unwrap();
        return false;
    };
    thread::sleep(patience);
    if child.try_wait().unwrap().is_some() {
        return false;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}
