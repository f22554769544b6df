//! Signing in: every source, in order, and what is refused.

use fs_err as fs;
use remedia::http::Secret;
use remedia::kaggle::{CredentialSource, Kaggle, KaggleEnvironment, KaggleError};

use crate::fake_kaggle::{AuthSource, FaultKind};

use super::scene::{Scene, write};

#[test]
fn every_source_signs_in_and_a_bad_one_does_not_spoil_a_good_one() {
    let scene = Scene::new();
    let connection = scene.connection();
    let own = scene.home().join(".kaggle");
    let with = |change: &dyn Fn(&mut KaggleEnvironment)| {
        let mut environment = scene.environment();
        change(&mut environment);
        connection.sign_in(&environment)
    };
    let token = |text: &str| Some(Secret::new(text));
    // The variable, as a value and as a path.
    let signed = with(&|environment| environment.api_token = token("KGAT_tester")).unwrap();
    assert_eq!(
        (signed.user.as_str(), &signed.source),
        ("tester", &CredentialSource::TokenVariable)
    );
    assert!(signed.warnings.is_empty() && signed.refused.is_empty());
    let file = scene.path("token-file");
    write(&file, " KGAT_tester\n");
    let signed =
        with(&|environment| environment.api_token = token(file.to_str().unwrap())).unwrap();
    assert_eq!(
        signed.source,
        CredentialSource::TokenVariableFile(file.clone())
    );
    // A bad variable and a good key.
    write(
        &own.join("kaggle.json"),
        &format!("{{\"username\":\"tester\",\"key\":\"{}\"}}", "0".repeat(32)),
    );
    let bad = "KGAT_never_to_be_seen";
    let signed = with(&|environment| environment.api_token = token(bad)).unwrap();
    assert!(
        matches!(&signed.source, CredentialSource::KeyFile { instead, .. } if instead.is_empty())
    );
    assert_eq!(signed.refused.len(), 1);
    assert_eq!(signed.refused[0].source, CredentialSource::TokenVariable);
    assert!(!format!("{signed:?}").contains(bad));
    let kaggle = Kaggle::new(connection.clone(), signed);
    kaggle.quota().unwrap();
    let last = scene.fake.transcript().pop().unwrap();
    assert_eq!(
        last.auth,
        AuthSource::Basic,
        "the bad token is not sent again"
    );
    // The key of the variables stands before the one of the file, each for itself.
    let signed = with(&|environment| environment.username = Some("tester".to_owned())).unwrap();
    assert!(matches!(
        &signed.source,
        CredentialSource::KeyFile { instead, .. } if instead == &["KAGGLE_USERNAME"]
    ));
    let wrong_key = with(&|environment| environment.key = token("11111111"));
    assert!(
        matches!(wrong_key, Err(KaggleError::NotSignedIn { ref refused, .. }) if refused.len() == 1)
    );
    // A token file stands before the key.
    write(&own.join("access_token.txt"), "KGAT_tester");
    let signed = with(&|_| {}).unwrap();
    assert_eq!(
        signed.source,
        CredentialSource::TokenFile(own.join("access_token.txt"))
    );
    // Files that others can read are warned of.
    use std::os::unix::fs::PermissionsExt as _;
    for name in ["access_token.txt", "kaggle.json"] {
        fs::set_permissions(own.join(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let signed = with(&|_| {}).unwrap();
    assert_eq!(signed.warnings.len(), 2, "{:?}", signed.warnings);
    assert!(signed.warnings[0].contains("chmod 600"));
    scene.assert_nothing_leaked();
}

#[test]
fn the_key_lies_where_the_official_client_looks() {
    let scene = Scene::new();
    let key = format!("{{\"username\":\"tester\",\"key\":\"{}\"}}", "0".repeat(32));
    let home = scene.path("bare");
    let xdg = scene.path("xdg");
    let config = scene.path("config");
    for folder in [
        &home,
        &xdg.join("kaggle"),
        &config,
        &home.join(".config/kaggle"),
    ] {
        fs::create_dir_all(folder).unwrap();
    }
    let environment = KaggleEnvironment {
        home: Some(home.clone()),
        ..KaggleEnvironment::default()
    };
    let source = |environment: &KaggleEnvironment| match scene.connection().sign_in(environment) {
        Ok(signed) => match signed.source {
            CredentialSource::KeyFile { path, .. } => Some(path),
            other => panic!("{other:?}"),
        },
        Err(KaggleError::NotSignedIn { .. }) => None,
        Err(error) => panic!("{error}"),
    };
    assert_eq!(source(&environment), None);
    let path = home.join(".config/kaggle/kaggle.json");
    write(&path, &key);
    assert_eq!(source(&environment), Some(path));
    let path = xdg.join("kaggle/kaggle.json");
    write(&path, &key);
    let environment = KaggleEnvironment {
        xdg_config_home: Some(xdg),
        ..environment
    };
    assert_eq!(source(&environment), Some(path));
    let path = config.join("kaggle.json");
    write(&path, &key);
    let environment = KaggleEnvironment {
        config_dir: Some(config),
        ..environment
    };
    assert_eq!(source(&environment), Some(path));
    // The files of tokens are looked for in the user's own folder alone.
    let environment = KaggleEnvironment::default();
    assert_eq!(source(&environment), None);
}

#[test]
fn an_oauth_sign_in_is_renewed_in_time_and_written_back_privately() {
    let scene = Scene::new();
    let path = scene.home().join(".kaggle/credentials.json");
    let text = serde_json::json!({
        "refresh_token": "refresh_tester", "access_token": "KGAT_old",
        "access_token_expiration": "2026-11-23T08:29:00+00:00", "username": "tester",
        "scopes": ["resources.admin:*"], "extra": 1,
    });
    write(&path, &text.to_string());
    let signed = scene.connection().sign_in(&scene.environment()).unwrap();
    assert_eq!(signed.user, "tester");
    assert_eq!(signed.source, CredentialSource::OAuthFile(path.clone()));
    assert_eq!(signed.expires.unwrap().to_string(), "2026-11-23T20:00:00Z");
    assert_eq!(scene.count("GenerateAccessToken"), 1);
    assert_eq!(
        scene.count("IntrospectToken"),
        0,
        "a token at its end is not even tried"
    );
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(kept["refresh_token"], "refresh_tester");
    assert_eq!(kept["extra"], 1);
    assert_eq!(kept["access_token_expiration"], "2026-11-23T20:00:00Z");
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kaggle = Kaggle::new(scene.connection(), signed);
    kaggle.quota().unwrap();
    assert_eq!(
        scene.fake.transcript().pop().unwrap().auth,
        AuthSource::OAuth
    );
    // The next process takes what was written.
    scene.connection().sign_in(&scene.environment()).unwrap();
    assert_eq!(
        (
            scene.count("GenerateAccessToken"),
            scene.count("IntrospectToken")
        ),
        (1, 1)
    );
    // A refresh token that is not known is refused, and nobody is left.
    write(
        &path,
        &text.to_string().replace("refresh_tester", "refresh_gone"),
    );
    let error = scene
        .connection()
        .sign_in(&scene.environment())
        .unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(
        told.contains("credentials.json") && !told.contains("refresh_gone"),
        "{told}"
    );
    scene.assert_nothing_leaked();
}

#[test]
fn nobody_is_told_where_it_was_looked() {
    let scene = Scene::new();
    let error = scene
        .connection()
        .sign_in(&scene.environment())
        .unwrap_err();
    assert!(error.is_credentials() && !error.is_retryable());
    let told = error.to_string();
    for place in [
        "KAGGLE_API_TOKEN",
        "access_token",
        "kaggle.json",
        "credentials.json",
        "settings",
    ] {
        assert!(told.contains(place), "{told}");
    }
    // A service that is down is no reason to take another account.
    scene.faults(
        "IntrospectToken",
        1,
        9,
        FaultKind::ServerErrorBefore { status: 503 },
    );
    let environment = KaggleEnvironment {
        api_token: Some(Secret::new("KGAT_tester")),
        ..scene.environment()
    };
    let error = scene.connection().sign_in(&environment).unwrap_err();
    assert!(
        matches!(error, KaggleError::Status { status: 503, .. }),
        "{error:?}"
    );
    assert_eq!(scene.count("IntrospectToken"), 3);
}
