//! Sessions that end early: what they did not come to is ordered again and costs no attempt, and a session that
//! did nothing is a failed run, whose cause is told and of which there is an end.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use remedia::domain::event::EventKind;
use remedia::domain::id::JobId;
use remedia::domain::verdict::ReasonCode;
use remedia::engine::{Ending, NoEvents, RetryRequest};

use crate::engine::House;

const ROOMS: &[&str] = &["01-kitchen.jpg", "02-bedroom.jpg", "03-living.jpg"];

/// Photos of each order, and for each photo its attempts by number and failure.
type Told = (Vec<u32>, Vec<Vec<(u32, Option<ReasonCode>)>>);

fn told(house: &House, job: &JobId) -> Told {
    let report = house.engine().show(job).unwrap();
    let orders = report.orders.iter().map(|order| order.photos).collect();
    let attempts = report
        .photos
        .iter()
        .map(|photo| {
            let attempts = photo.operations.iter().flat_map(|one| &one.attempts);
            attempts
                .map(|one| (one.number, one.failure.as_ref().map(|reason| reason.code)))
                .collect()
        })
        .collect();
    (orders, attempts)
}

fn faults(house: &House, job: &JobId) -> Vec<String> {
    let page = house.engine().logs(job, 0, 1000).unwrap();
    page.events
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Fault { text, .. } => Some(text),
            _ => None,
        })
        .collect()
}

#[test]
fn what_a_session_did_not_come_to_costs_no_attempt() {
    let house = House::new(ROOMS).with_script("answers = [\"half\"]");
    let mut request = house.request("fake", "stage");
    request.plan.max_attempts = 1;
    let job = house.engine().submit(&request, &mut NoEvents).unwrap().job;
    let driven = house.drive(&job);
    assert_eq!(
        (driven.ending, driven.counts.accepted),
        (Ending::Delivered, 3)
    );
    let (orders, attempts) = told(&house, &job);
    assert_eq!(orders, [3, 1]);
    assert!(attempts.iter().all(|made| made == &[(1, None)]));
    let page = house.engine().logs(&job, 0, 1000).unwrap();
    let warned = page.events.iter().any(|event| {
        matches!(&event.kind, EventKind::Warning { text } if text.contains("came to 1 of 3"))
    });
    assert!(warned);
}

#[test]
fn time_that_ran_out_is_an_attempt_only_where_nothing_else_was_done() {
    let house = House::new(ROOMS).with_script(
        "[[photos]]\nfile = \"bedroom\"\nattempt = 1\noutcome = \"failed\"\nreason = \"deadline\"",
    );
    let job = house.submit("fake", "stage").job;
    let driven = house.drive(&job);
    assert_eq!(driven.counts.accepted, 3);
    let (orders, attempts) = told(&house, &job);
    // The first order did the others; the second did nothing but run out of time.
    assert_eq!(orders, [3, 1, 1]);
    assert_eq!(
        attempts,
        [
            vec![(1, None)],
            vec![(1, Some(ReasonCode::Deadline)), (2, None)],
            vec![(1, None)],
        ]
    );
}

#[test]
fn a_session_that_did_nothing_is_a_failed_run_with_the_workers_word() {
    let house = House::new(ROOMS).with_script("answers = [\"stopped\", \"unbegun\"]");
    let job = house.submit("fake", "stage").job;
    let driven = house.drive(&job);
    assert_eq!(driven.counts.accepted, 3);
    let (orders, attempts) = told(&house, &job);
    assert_eq!(orders, [3, 3, 3]);
    assert!(attempts.iter().all(|made| made == &[(1, None)]));
    assert_eq!(
        faults(&house, &job),
        [
            "the worker stopped (model_missing): the script says so",
            "the session ended before the worker began a photo",
        ]
    );
}

#[test]
fn what_will_never_work_is_told_after_one_session() {
    let house = House::new(ROOMS).with_script("answers = [\"stopped_for_good\"]");
    let job = house.submit("fake", "stage").job;
    let driven = house.drive(&job);
    assert_eq!(
        (driven.ending, driven.counts.gave_up),
        (Ending::Delivered, 3)
    );
    let report = house.engine().show(&job).unwrap();
    assert_eq!(report.orders.len(), 1);
    for photo in &report.photos {
        let reason = photo.operations[0].reason.as_ref().unwrap();
        assert!(reason.contains("model_missing"), "{reason}");
        assert!(photo.operations[0].attempts.is_empty());
    }
}

#[test]
fn runs_that_fail_one_after_the_other_come_to_an_end() {
    for script in [
        format!("runs = [{}]", "\"retryable\",".repeat(30)),
        format!("answers = [{}]", "\"unbegun\",".repeat(30)),
    ] {
        let house = House::new(&["01-kitchen.jpg"]).with_script(&script);
        let job = house.submit("fake", "stage").job;
        let driven = house.drive(&job);
        assert_eq!(
            (driven.ending, driven.counts.gave_up),
            (Ending::Delivered, 1)
        );
        // As many as the engine of these tests allows.
        assert_eq!(faults(&house, &job).len(), 5);
        assert_eq!(told(&house, &job).0.len(), 5);
    }
}

#[test]
fn another_try_that_comes_to_nothing_takes_nothing_away() {
    // The first session stages; every one that follows stops at once.
    let house = House::new(ROOMS).with_script("answers = [\"whole\", \"stopped_for_good\"]");
    let job = house.submit("fake", "stage").job;
    assert_eq!(house.drive(&job).counts.accepted, 3);
    let before = house.delivered();
    let photo = house.engine().show(&job).unwrap().photos[0].photo.clone();
    let request = RetryRequest {
        photos: vec![photo],
        ..RetryRequest::default()
    };
    house.engine().retry(&job, &request, &mut NoEvents).unwrap();
    let driven = house.drive(&job);
    assert_eq!(
        (driven.ending, driven.counts.accepted),
        (Ending::Delivered, 3)
    );
    assert_eq!(faults(&house, &job).len(), 1);
    assert_eq!(house.delivered().len(), before.len());
}
