//! The real program, killed at random moments. `cargo run --release --example kill_test -- --binary
//! target/release/remedia` does the same two hundred times.

use std::path::Path;

use crate::support::kill::{Ask, Place, command_line, rounds};

#[test]
fn a_killed_run_is_finished_by_the_next_one() {
    let root = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_remedia"));
    let start = |place: &Place, ask: Ask<'_>| command_line(binary, place, ask);
    let tally = rounds(root.path(), &start, 4, 8, 0x5eed_0001);
    assert_eq!(tally.kills.max(8), tally.kills);
}

#[test]
fn a_killed_run_that_stages_and_judges_is_finished_by_the_next_one() {
    let root = tempfile::tempdir().unwrap();
    let script = root.path().join("script.toml");
    let spoiled =
        "[[photos]]\nfile = \"01-\"\noperation = \"stage\"\nattempt = 1\noutcome = \"shifted\"";
    fs_err::write(&script, spoiled).unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_remedia"));
    let start = |place: &Place, ask: Ask<'_>| {
        let mut command = command_line(binary, place, ask);
        command.env("REMEDIA_FAKE_SCRIPT", &script);
        if matches!(ask, Ask::Submit) {
            command.args(["--provider", "fake", "--operations", "enhance,stage"]);
        }
        command
    };
    let tally = rounds(root.path(), &start, 2, 6, 0x5eed_0002);
    assert!(tally.kills >= 6);
}
