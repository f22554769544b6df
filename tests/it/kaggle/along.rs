//! What goes along with a listing to Kaggle, and what does not: masks that a person drew, and what a session is
//! given beside the order.

use remedia::domain::plan::RemoteSession;
use remedia::domain::retry::RetryPolicy;
use remedia::engine::NoEvents;
use remedia::imaging::{DecodeLimits, Picture, Plane, Samples, decode, decode_plane, encode_plane};
use serde_json::json;

use super::journey::Minutes;
use super::worker::Mood;
use crate::fake_kaggle::Pace;

#[test]
fn what_a_person_lets_be_changed_goes_along_and_holds_whatever_the_worker_did() {
    for moods in [[].as_slice(), &[Mood::IgnoresMasks; 9]] {
        changes_only_what_is_let(moods);
    }
}

fn changes_only_what_is_let(moods: &[Mood]) {
    let minutes = Minutes::new(moods, Pace::default());
    let listing = minutes.house.listing();
    let bytes = fs_err::read(listing.join("03-bedroom.jpg")).unwrap();
    let original = decode(&bytes, &DecodeLimits::default())
        .unwrap()
        .into_eight();
    let (width, height) = (original.width, original.height);
    // Half of what the worker will draw, in a picture of another size.
    let (across, down) = (width / 2, height / 2);
    let white = |index: usize| index % across * 2 < width / 2 && index / across * 2 > height / 2;
    let drawn = (0..across * down)
        .map(|index| if white(index) { 255 } else { 0 })
        .collect();
    let drawn = Plane::new(across, down, drawn).unwrap();
    fs_err::write(listing.join("floor.png"), encode_plane(&drawn).unwrap()).unwrap();
    fs_err::write(
        listing.join("listing.toml"),
        "[[photo]]\nfile = \"03-bedroom.jpg\"\nmask = \"floor.png\"\n",
    )
    .unwrap();
    let job = minutes.submit("stage");
    minutes.until_delivered(&job, 30);
    if !moods.is_empty() {
        let story = minutes.story(&job);
        assert!(story.contains("shows something else at"), "{story}");
    }
    let files = minutes.kaggle.dataset_files(&Minutes::slug(&job));
    let masks: Vec<_> = (files.iter())
        .filter(|file| file.name.contains("/masks/"))
        .collect();
    assert_eq!(masks.len(), 1, "{files:?}");
    let sent = decode_plane(
        &fs_err::read(&masks[0].path).unwrap(),
        &DecodeLimits::default(),
    )
    .unwrap();
    assert_eq!(sent, drawn);
    let order = files
        .iter()
        .find(|file| file.name.ends_with("/job.json"))
        .unwrap();
    let order: serde_json::Value =
        serde_json::from_slice(&fs_err::read(&order.path).unwrap()).unwrap();
    let named: Vec<_> = (order["photos"].as_array().unwrap().iter())
        .filter_map(|photo| photo["operations"][0]["mask"].as_str())
        .collect();
    assert_eq!(named.len(), 1);
    assert!(masks[0].name.ends_with(named[0]), "{named:?}");

    let delivered = minutes.house.out().join("12-oak-lane/final");
    let name = (fs_err::read_dir(&delivered).unwrap())
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("bedroom"))
        .unwrap();
    let made = decode(&fs_err::read(name).unwrap(), &DecodeLimits::default())
        .unwrap()
        .into_eight();
    let changed = |x: usize, y: usize| {
        let at = |picture: &Picture| match &picture.samples {
            Samples::Eight(samples) => samples[(y * width + x) * 3],
            Samples::Sixteen(_) => panic!("eight bits"),
        };
        at(&made).abs_diff(at(&original)) > 30
    };
    let count = |from: usize, to: usize| {
        (from..to)
            .flat_map(|x| (height * 65 / 100..height * 80 / 100).map(move |y| (x, y)))
            .filter(|&(x, y)| changed(x, y))
            .count()
    };
    // The worker wanted to draw from 30 to 70 % of the width, the person let it up to 50 %. A picture that
    // shows something else beyond is refused as a whole.
    assert_eq!(
        count(width * 35 / 100, width * 45 / 100) > 100,
        moods.is_empty()
    );
    assert_eq!(count(width * 55 / 100, width * 70 / 100), 0);
}

#[test]
fn a_session_is_given_what_the_settings_say_and_the_order_does_not_tell_whose_it_is() {
    let minutes = Minutes::new(&[], Pace::default());
    let usual = minutes.submit("stage");
    minutes.until_it_rests(&usual, 30);
    let attached = format!("tester/{}", Minutes::slug(&usual));
    let mut request = minutes.house.request("kaggle", "stage");
    request.plan.session = RemoteSession {
        internet: false,
        datasets: vec![attached.clone()],
        models: vec!["tester/sd/pytorch/inpaint/1".to_owned()],
    };
    let engine = minutes
        .house
        .engine_at(minutes.now(), RetryPolicy::default());
    let offline = engine.submit(&request, &mut NoEvents).unwrap().job;
    assert_ne!(usual, offline);
    minutes.until_delivered(&offline, 30);
    let pushes: Vec<_> = minutes
        .kaggle
        .transcript()
        .into_iter()
        .filter(|record| record.path.ends_with("/SaveKernel"))
        .filter_map(|record| record.body)
        .collect();
    let given = |push: &serde_json::Value| {
        ["enableInternet", "datasetDataSources", "modelDataSources"]
            .map(|field| push[field].clone())
    };
    let own = format!("tester/{}", Minutes::slug(&offline));
    assert_eq!(
        given(&pushes[0]),
        [json!(true), json!([&attached]), json!(null)]
    );
    assert_eq!(
        given(&pushes[1]),
        [
            json!(false),
            json!([own, attached]),
            json!(["tester/sd/pytorch/inpaint/1"])
        ]
    );
    for file in minutes.kaggle.dataset_files(&Minutes::slug(&offline)) {
        let bytes = fs_err::read(&file.path).unwrap();
        let told = bytes.windows(7).any(|window| window == b"tester/");
        assert!(!told, "{}", file.name);
    }
    minutes.nothing_leaked();
}

#[test]
fn attached_data_that_is_not_there_is_told_once_and_burns_no_session() {
    // The second has the form that names of orders have.
    for missing in ["tester/wheels", "tester/remedia-wheels"] {
        let minutes = Minutes::new(&[], Pace::default());
        let mut request = minutes.house.request("kaggle", "stage");
        request.plan.session.datasets = vec![missing.to_owned()];
        let engine = minutes
            .house
            .engine_at(minutes.now(), RetryPolicy::default());
        let job = engine.submit(&request, &mut NoEvents).unwrap().job;
        minutes.until_it_rests(&job, 30);
        let story = minutes.story(&job);
        assert!(
            story.contains(&format!("{missing}; mend `kaggle.datasets`")),
            "{story}"
        );
        assert_eq!(minutes.kaggle.kernel_versions(&Minutes::slug(&job)), 1);
    }
}
