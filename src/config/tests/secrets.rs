//! Where secrets come from, and where they never go.

use super::*;

/// A file as the environment's `_FILE` variables and `api_key` name it.
fn secret_file(dir: &TempDir, mode: u32) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.path().join("secret");
    fs::write(&path, "s3cr3t\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_secret_file_is_read() {
    let dir = TempDir::new().unwrap();
    let path = secret_file(&dir, 0o600);
    let key = provider(&format!("api_key = {{ file = {path:?} }}"));
    let config = load(&[&key], &[]).unwrap();
    assert_eq!(
        config.providers[0]
            .api_key
            .as_ref()
            .unwrap()
            .expose_secret(),
        "s3cr3t"
    );
    let config = load(&[], &[("OPENAI_API_KEY_FILE", &path)]).unwrap();
    assert_eq!(
        config.providers[0]
            .api_key
            .as_ref()
            .unwrap()
            .expose_secret(),
        "s3cr3t"
    );
    assert!(
        load(
            &[&provider("")],
            &[("TOLLGATE_PROVIDERS__0__API_KEY_FILE", &path)]
        )
        .is_ok()
    );
}

#[test]
fn the_environment_replaces_a_files_credential_whatever_its_kind() {
    let dir = TempDir::new().unwrap();
    let path = secret_file(&dir, 0o600);
    let key = "TOLLGATE_PROVIDERS__0__API_KEY";
    let (file, named) = (format!("{key}_FILE"), format!("{key}__ENV"));
    let reference = format!("{key}__FILE");
    let by_variable = provider("api_key = { env = \"NO_SUCH\" }");
    let by_file = provider("api_key = { file = \"/no/such\" }");
    for below in [by_variable, by_file] {
        for variables in [
            &[(file.as_str(), path.as_str())][..],
            &[(reference.as_str(), path.as_str())],
            &[(key, "s3cr3t")],
            &[(named.as_str(), "OTHER"), ("OTHER", "s3cr3t")],
        ] {
            let config = load(&[&below], variables).unwrap();
            let used = config.providers[0].api_key.as_ref().unwrap();
            assert_eq!(used.expose_secret(), "s3cr3t", "{variables:?}");
        }
        let both = [(key, "s3cr3t"), (file.as_str(), path.as_str())];
        let message = refused(&[&below], &both);
        assert!(message.contains(&file) && message.contains("unset one"));
    }
}

#[test]
fn a_secret_file_may_be_its_groups_but_not_everyones() {
    let dir = TempDir::new().unwrap();
    let key = |mode| {
        let path = secret_file(&dir, mode);
        provider(&format!("api_key = {{ file = {path:?} }}"))
    };
    for mode in [0o600, 0o400, 0o640, 0o440] {
        assert!(load(&[&key(mode)], &[]).is_ok(), "{mode:o}");
    }
    for mode in [0o604, 0o644, 0o444] {
        let message = refused(&[&key(mode)], &[]);
        assert!(
            message.contains("chmod o-r") && message.contains("\"p\""),
            "{message}"
        );
    }
}

#[test]
fn a_database_url_can_come_from_a_file() {
    let dir = TempDir::new().unwrap();
    let path = secret_file(&dir, 0o600);
    fs::write(&path, "postgres://u:s3cr3t@h/d\n").unwrap();
    for name in ["DATABASE_URL_FILE", "TOLLGATE_DATABASE_URL_FILE"] {
        let config = load(&[], &[(name, &path)]).unwrap();
        assert_eq!(
            config.database_url().expose_secret(),
            "postgres://u:s3cr3t@h/d"
        );
    }
    let both = [
        ("DATABASE_URL", "sqlite://x"),
        ("DATABASE_URL_FILE", path.as_str()),
    ];
    assert!(refused(&[], &both).contains("both set"));
}

#[test]
fn a_credential_written_into_a_file_is_refused_without_repeating_it() {
    let message = refused(&[&provider("api_key = \"s3cr3t\"")], &[]);
    assert!(
        message.contains("api_key") && !message.contains("s3cr3t"),
        "{message}"
    );
}

#[test]
fn no_secret_is_shown() {
    let config = load(
        &[&provider("api_key = { env = \"KEY\" }")],
        &[
            ("KEY", "s3cr3t"),
            ("DATABASE_URL", "postgres://u:s3cr3t@h/d"),
        ],
    )
    .unwrap();
    let shown = config.show().to_string();
    assert!(
        shown.contains("postgres://u:***@h/d") && shown.contains("KEY"),
        "{shown}"
    );
    assert!(!shown.contains("s3cr3t") && !format!("{config:?}").contains("s3cr3t"));
    assert!(shown.parse::<toml::Table>().is_ok());
}
