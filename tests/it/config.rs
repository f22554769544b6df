//! Settings: which layer wins, what is refused and how it reads.

#![expect(
    clippy::unwrap_used,
    reason = "what these helpers cannot do fails the test"
)]

use std::path::Path;

use proptest::prelude::*;
use remedia::config::{
    BracketSetting, Environment, Flags, Key, LoadRequest, LogLevel, Origin, Resolved, load, show,
    show_json,
};
use remedia::domain::operation::{OperationKind, OperationRequest};

/// A user's folder and a project folder, empty at first.
struct Machine {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    flags: Flags,
    config_path: Option<&'static str>,
    no_config: bool,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join("user/.config/remedia")).unwrap();
        fs_err::create_dir_all(folder.path().join("project")).unwrap();
        Self {
            folder,
            variables: Vec::new(),
            flags: Flags::default(),
            config_path: None,
            no_config: false,
        }
    }

    fn write(self, relative: &str, text: &str) -> Self {
        fs_err::write(self.folder.path().join(relative), text).unwrap();
        self
    }

    fn user(self, text: &str) -> Self {
        self.write("user/.config/remedia/config.toml", text)
    }

    fn project(self, text: &str) -> Self {
        self.write("project/remedia.toml", text)
    }

    fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    fn flag(mut self, key: Key, value: &str) -> Self {
        self.flags = self.flags.with(key, Some(value));
        self
    }

    fn path(&self, relative: &str) -> std::path::PathBuf {
        self.folder.path().join(relative)
    }

    fn request(&self) -> LoadRequest {
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        LoadRequest {
            flags: self.flags.clone(),
            environment: Environment::new(&self.path("user"), variables),
            working_directory: self.path("project"),
            config_path: self.config_path.map(|path| self.path(path)),
            no_config: self.no_config,
        }
    }

    fn load(&self) -> Resolved {
        load(&self.request()).unwrap()
    }

    /// A text with the machine's own folder taken out.
    fn plain(&self, text: &str) -> String {
        text.replace(&self.folder.path().display().to_string(), "")
    }

    fn refusal(&self) -> String {
        self.plain(&load(&self.request()).unwrap_err().to_string())
    }
}

#[test]
fn without_any_file_the_defaults_hold() {
    let resolved = load(&LoadRequest {
        flags: Flags::default(),
        environment: Environment::new(Path::new("/user"), []),
        working_directory: "/project".into(),
        config_path: None,
        no_config: false,
    })
    .unwrap();
    insta::assert_snapshot!(show(&resolved, true), @r#"
    home = "/user/.local/share/remedia"    # default
    out = "/project/remedia-out"           # default
    # styles is not set                    # default
    style = "modern"                       # default
    operations = "auto"                    # default
    provider = "local"                     # default
    max_attempts = 3                       # default
    seed = 0                               # default
    jpeg_quality = 92                      # default
    web_long_side = 2048                   # default
    web_quality = 84                       # default
    threads = 0                            # default
    memory_budget = "1GB"                  # default
    recursive = false                      # default
    brackets = "auto"                      # default
    limits.max_file_bytes = "200MB"        # default
    limits.max_pixels = "200MP"            # default
    limits.max_photos = 5000               # default
    judging.clip_score_threshold = "auto"  # default
    judging.clip_model = "auto"            # default
    judging.tile_correlation = 0.8         # default
    judging.drift_percent = 0.1            # default
    judging.detail_ratio = 0.85            # default
    judging.max_masked_share = 0.6         # default
    kaggle.internet = true                 # default
    kaggle.datasets = []                   # default
    kaggle.models = []                     # default
    log = "warn"                           # default
    "#);
    assert_eq!(resolved.files, Vec::<std::path::PathBuf>::new());
    assert!(resolved.color);
    assert_eq!(resolved.settings.memory_budget_bytes, 1_000_000_000);
}

#[test]
fn each_layer_outweighs_the_one_before() {
    let mut machine = Machine::new();
    let threads = |machine: &Machine| {
        let resolved = machine.load();
        (
            resolved.settings.threads,
            resolved.origin(Key::Threads).clone(),
        )
    };
    assert_eq!(threads(&machine), (0, Origin::Default));
    machine = machine.user("threads = 1");
    let user = machine.path("user/.config/remedia/config.toml");
    assert_eq!(threads(&machine), (1, Origin::UserFile(user.clone())));
    machine = machine.project("threads = 2");
    let project = machine.path("project/remedia.toml");
    assert_eq!(threads(&machine), (2, Origin::ProjectFile(project.clone())));
    assert_eq!(machine.load().files, [user, project]);
    machine = machine.variable("REMEDIA_THREADS", "3");
    assert_eq!(threads(&machine), (3, Origin::Variable("REMEDIA_THREADS")));
    machine = machine.flag(Key::Threads, "4");
    assert_eq!(threads(&machine), (4, Origin::Flag("--threads")));
}

#[test]
fn every_setting_can_come_from_every_layer() {
    let values: &[(Key, &str, &str)] = &[
        (Key::Home, "/data", r#""/data""#),
        (Key::Out, "/out", r#""/out""#),
        (Key::Styles, "/styles", r#""/styles""#),
        (Key::Style, "boho", r#""boho""#),
        (Key::Operations, "enhance,stage", r#"["enhance", "stage"]"#),
        (Key::Provider, "fake", r#""fake""#),
        (Key::MaxAttempts, "5", "5"),
        (Key::Seed, "7", "7"),
        (Key::JpegQuality, "90", "90"),
        (Key::WebLongSide, "1600", "1600"),
        (Key::WebQuality, "80", "80"),
        (Key::Threads, "2", "2"),
        (Key::MemoryBudget, "2GB", r#""2GB""#),
        (Key::Recursive, "yes", "true"),
        (Key::Brackets, "3", "3"),
        (Key::MaxFileBytes, "50MB", "50_000_000"),
        (Key::MaxPixels, "50MP", r#""50MP""#),
        (Key::MaxPhotos, "10", "10"),
        (Key::ClipScoreThreshold, "0.65", "0.65"),
        (
            Key::ClipModel,
            "clip-vit-large-patch14",
            r#""clip-vit-large-patch14""#,
        ),
        (Key::TileCorrelation, "0.9", "0.9"),
        (Key::DriftPercent, "1", "1"),
        (Key::DetailRatio, "0.5", "0.5"),
        (Key::MaxMaskedShare, "0.4", "0.4"),
        (Key::KaggleInternet, "no", "false"),
        (
            Key::KaggleDatasets,
            "me/wheels, me/models",
            r#"["me/wheels", "me/models"]"#,
        ),
        (
            Key::KaggleModels,
            "me/sd/pytorch/inpaint/1",
            r#"["me/sd/pytorch/inpaint/1"]"#,
        ),
        (Key::Log, "debug", r#""debug""#),
    ];
    assert_eq!(values.len(), Key::ALL.len());
    let mut flags = Machine::new();
    let mut variables = Machine::new();
    let mut text = String::new();
    for (key, given, written) in values {
        flags = flags.flag(*key, given);
        variables = variables.variable(key.variable(), given);
        text.push_str(&format!("{key} = {written}\n"));
    }
    let by_flags = flags.load();
    let by_variables = variables.load();
    let by_file = Machine::new().project(&text).load();
    assert_eq!(by_flags.settings, by_variables.settings);
    assert_eq!(by_flags.settings, by_file.settings);
    let defaults = Machine::new().load().settings;
    for &key in Key::ALL {
        assert_ne!(by_flags.settings.value(key), defaults.value(key), "{key}");
        assert!(matches!(by_flags.origin(key), Origin::Flag(_)), "{key}");
        assert!(
            matches!(by_variables.origin(key), Origin::Variable(_)),
            "{key}"
        );
        assert!(
            matches!(by_file.origin(key), Origin::ProjectFile(_)),
            "{key}"
        );
    }
    let settings = by_flags.settings;
    assert_eq!(
        settings.operations,
        OperationRequest::Named(vec![OperationKind::Enhance, OperationKind::Stage])
    );
    assert_eq!(settings.limits.max_file_bytes, 50_000_000);
    assert_eq!(settings.brackets, BracketSetting::Every(3));
    assert_eq!(settings.log, LogLevel::Debug);
}

#[test]
fn what_is_shown_can_be_written_into_a_file() {
    let given = Machine::new()
        .flag(Key::Operations, "stage,video")
        .flag(Key::MaxPixels, "12345678")
        .flag(Key::Style, "say \"boho\" \\ 客厅")
        .flag(Key::Styles, "/somewhere")
        .load();
    let again = Machine::new().project(&show(&given, true)).load();
    assert_eq!(again.settings, given.settings);
}

#[test]
fn paths_start_where_they_are_written() {
    let machine = Machine::new()
        .user("styles = \"styles\"\nhome = \"~/remedia data\"")
        .project("out = \"finished\"");
    let settings = machine.load().settings;
    assert_eq!(
        settings.styles,
        Some(machine.path("user/.config/remedia/styles"))
    );
    assert_eq!(settings.home, machine.path("user/remedia data"));
    assert_eq!(settings.out, machine.path("project/finished"));
    let machine = Machine::new()
        .variable("REMEDIA_OUT", "there")
        .flag(Key::Home, "/absolute");
    let settings = machine.load().settings;
    assert_eq!(settings.out, machine.path("project/there"));
    assert_eq!(settings.home, Path::new("/absolute"));
}

#[test]
fn the_users_styles_folder_is_found_where_it_exists() {
    let machine = Machine::new();
    assert_eq!(machine.load().settings.styles, None);
    let styles = machine.path("user/.config/remedia/styles");
    fs_err::create_dir_all(&styles).unwrap();
    assert_eq!(machine.load().settings.styles, Some(styles));
}

#[test]
fn a_named_file_replaces_the_others_and_none_can_be_read() {
    let mut machine = Machine::new()
        .user("threads = 1")
        .project("jpeg_quality = 80")
        .write("other.toml", "max_attempts = 9");
    machine.config_path = Some("other.toml");
    let resolved = machine.load();
    assert_eq!(resolved.settings.max_attempts, 9);
    assert_eq!(resolved.settings.threads, 0);
    assert_eq!(resolved.settings.jpeg_quality, 92);
    assert_eq!(
        resolved.origin(Key::MaxAttempts),
        &Origin::GivenFile(machine.path("other.toml"))
    );
    machine.no_config = true;
    insta::assert_snapshot!(machine.refusal(), @"a settings file is named and settings files are switched off; leave out one of the two");
    machine.config_path = None;
    assert_eq!(machine.load().settings.threads, 0);
    let machine = machine.variable("REMEDIA_CONFIG", "../other.toml");
    assert_eq!(
        machine.load().settings.max_attempts,
        3,
        "--no-config outweighs the variable"
    );
    let machine = Machine {
        no_config: false,
        ..machine
    };
    assert_eq!(machine.load().settings.max_attempts, 9);
    let missing = Machine {
        config_path: Some("missing.toml"),
        ..Machine::new()
    };
    assert!(
        missing.refusal().contains("/missing.toml"),
        "{}",
        missing.refusal()
    );
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let project = |text: &str| Machine::new().project(text).refusal();
    insta::assert_snapshot!(project("\njpeg_qualty = 90\n"), @"settings file `/project/remedia.toml`, line 2: there is no setting `jpeg_qualty`; nearest is `jpeg_quality`");
    insta::assert_snapshot!(project("[limits]\nmax_photo = 3\n"), @"settings file `/project/remedia.toml`, line 2: there is no setting `limits.max_photo`; nearest is `limits.max_photos`");
    insta::assert_snapshot!(project("[limit]\nmax_photos = 3\n"), @"settings file `/project/remedia.toml`, line 2: there is no setting `limit.max_photos`; nearest is `limits.max_photos`");
    insta::assert_snapshot!(project("limits = 3\n"), @"settings file `/project/remedia.toml`, line 1: there is no setting `limits`; nearest is `limits.max_pixels`");
    insta::assert_snapshot!(project("style = modern\n"), @"settings file `/project/remedia.toml`: line 1, at `style`: string values must be quoted, expected literal string");
    insta::assert_snapshot!(project("style = \"a\"\nstyle = \"b\"\n"), @"settings file `/project/remedia.toml`: line 2: duplicate key");
    insta::assert_snapshot!(project("jpeg_quality = 9\n"), @"settings file `/project/remedia.toml`, line 1: jpeg_quality: 9 is out of range; 50 to 100 is allowed");
    insta::assert_snapshot!(project("jpeg_quality = 92.5\n"), @"settings file `/project/remedia.toml`, line 1: jpeg_quality: a number with a fraction is not a whole number");
    insta::assert_snapshot!(project("jpeg_quality = -1\n"), @"settings file `/project/remedia.toml`, line 1: jpeg_quality: a number that is not 0 or more is not a whole number");
    insta::assert_snapshot!(project("out = 5\n"), @"settings file `/project/remedia.toml`, line 1: out: `5` is not a path: put it in quotes");
    insta::assert_snapshot!(project("out = \"\"\n"), @"settings file `/project/remedia.toml`, line 1: out: the path is empty");
    insta::assert_snapshot!(project("recursive = \"perhaps\"\n"), @"settings file `/project/remedia.toml`, line 1: recursive: `perhaps` is not `true` or `false`");
    insta::assert_snapshot!(project("brackets = 1\n"), @"settings file `/project/remedia.toml`, line 1: brackets: `1` is not `auto`, `off` or a number of exposures from 2 to 9");
    insta::assert_snapshot!(project("operations = [\"enhanse\"]\n"), @"settings file `/project/remedia.toml`, line 1: operations: `enhanse` is not an operation; use `auto`, or a list of `enhance`, `stage`, `video`");
    insta::assert_snapshot!(project("operations = [1]\n"), @"settings file `/project/remedia.toml`, line 1: operations: a list that holds more than texts is not `auto`, or a list of operations");
    insta::assert_snapshot!(project("memory_budget = \"5 bananas\"\n"), @"settings file `/project/remedia.toml`, line 1: memory_budget: `5 bananas` is not a size: write a number, or one with a unit such as `200MB`");
    insta::assert_snapshot!(project("memory_budget = \"5MB\"\n"), @"settings file `/project/remedia.toml`, line 1: memory_budget: `5MB` is out of range; 100MB to 1TB is allowed");
    insta::assert_snapshot!(project("log = \"verbose\"\n"), @"settings file `/project/remedia.toml`, line 1: log: `verbose` is not `error`, `warn`, `info`, `debug` or `trace`");
    insta::assert_snapshot!(Machine::new().variable("REMEDIA_THREADS", "many").refusal(), @"variable REMEDIA_THREADS: threads: `many` is not a whole number");
    insta::assert_snapshot!(Machine::new().flag(Key::Operations, "").refusal(), @"flag --operations: operations: `` is not `auto`, or a list of operations");
    insta::assert_snapshot!(Machine::new().variable("REMEDIA_TEST_NOW", "today").refusal(), @"environment: REMEDIA_TEST_NOW: it is no RFC 3339 moment such as `2026-01-31T12:00:00Z`");
}

#[test]
fn files_that_are_no_text_are_refused() {
    let machine = Machine::new();
    fs_err::write(machine.path("project/remedia.toml"), [0xff, 0xfe, 0x00]).unwrap();
    insta::assert_snapshot!(machine.refusal(), @"settings file `/project/remedia.toml`: it begins like UTF-16 text and is damaged further on; save it as UTF-8");
    fs_err::write(machine.path("project/remedia.toml"), vec![b'#'; 2 << 20]).unwrap();
    insta::assert_snapshot!(machine.refusal(), @"settings file `/project/remedia.toml`: it has more than 1048576 bytes");
    fs_err::remove_file(machine.path("project/remedia.toml")).unwrap();
    fs_err::create_dir_all(machine.path("project/remedia.toml")).unwrap();
    insta::assert_snapshot!(machine.refusal(), @"settings file `/project/remedia.toml`: it is not a plain file");
}

#[test]
fn variables_that_are_set_to_nothing_do_not_count_and_misspelt_ones_are_said() {
    let machine = Machine::new()
        .variable("REMEDIA_THREADS", "")
        .variable("REMEDIA_STLYE", "boho")
        .variable("NO_COLOR", "1")
        .variable("REMEDIA_TEST_NOW", "2026-01-31T12:00:00Z")
        .variable("REMEDIA_TEST_SEED", "42");
    let resolved = machine.load();
    assert_eq!(resolved.origin(Key::Threads), &Origin::Default);
    insta::assert_snapshot!(resolved.warnings.join("\n"), @"the environment variable REMEDIA_STLYE means nothing to remedia; nearest is REMEDIA_STYLE");
    assert!(!resolved.color);
    assert_eq!(
        resolved.testing.now,
        Some("2026-01-31T12:00:00Z".parse().unwrap())
    );
    assert_eq!(resolved.testing.seed, Some(42));
}

#[test]
fn the_json_form_carries_every_setting_with_its_origin() {
    let machine = Machine::new().user("threads = 1").flag(Key::Style, "boho");
    let json = show_json(&machine.load());
    assert_eq!(json["schema_version"], 1);
    let settings = json["settings"].as_array().unwrap();
    assert_eq!(settings.len(), Key::ALL.len());
    let of = |key: &str| {
        settings
            .iter()
            .find(|setting| setting["key"] == key)
            .unwrap()
    };
    assert_eq!(of("threads")["value"], 1);
    assert_eq!(of("threads")["origin"]["kind"], "user_file");
    insta::assert_snapshot!(of("style"), @r#"{"description":"Style used where none is named.","flag":"--style","key":"style","origin":{"kind":"flag","name":"--style"},"value":"boho","variable":"REMEDIA_STYLE"}"#);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever a settings file holds, it is read or refused with its name.
    #[test]
    fn no_file_breaks_the_reading(text in "([a-z_]{0,9}(\\.[a-z_]{0,5})?( = )?[\\PC]{0,9}\n){0,4}") {
        let machine = Machine::new().project(&text);
        if let Err(error) = load(&machine.request()) {
            prop_assert!(error.to_string().contains("remedia.toml"), "{}", error);
        }
    }

    /// The same for values that are nearly right.
    #[test]
    fn no_value_breaks_the_reading(key in prop::sample::select(Key::ALL), value in "[-+0-9a-zA-Z.\"'\\[\\]{}, ]{0,12}") {
        let machine = Machine::new().project(&format!("{key} = {value}\n"));
        if let Err(error) = load(&machine.request()) {
            prop_assert!(error.to_string().contains("remedia.toml`, line ") || error.to_string().contains("remedia.toml`: line "), "{}", error);
        }
        let machine = Machine::new().flag(key, &value);
        if let Err(error) = load(&machine.request()) {
            prop_assert!(error.to_string().contains(key.name()), "{}", error);
        }
    }
}
