//! The quick start, followed by the letter.

use std::os::unix::fs::symlink;
use std::process::Command;

use super::Installation;
use crate::provider::Provider;
use crate::support::documented::commands;
use crate::support::running::{Running, output};

const PAGE: &str = "quick-start.md";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_the_quick_start_gets_an_answer_that_is_counted() {
    let tollgate = Installation::new();
    let provider = Provider::honest().await;
    let bin = tollgate.directory.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_tollgate"), bin.join("tollgate")).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());

    let mut server = tollgate.command();
    assert!(commands(PAGE, "Start the gateway").ends_with("\ntollgate serve"));
    server.arg("serve").envs([
        ("OPENAI_API_KEY", "sk-proj-mock"),
        ("OPENAI_BASE_URL", &provider.base_url()),
        ("PORT", "0"),
        ("TOLLGATE_SERVER__METRICS_LISTEN", "127.0.0.1:0"),
    ]);
    let mut running = Running::start(&mut server);
    let address = running.address();

    let follow = |heading: &str| {
        let mut shell = Command::new("bash");
        let commands = commands(PAGE, heading).replace("127.0.0.1:8080", &address);
        shell
            .args(["-euo", "pipefail", "-c", &commands])
            .env_clear();
        let ended = output(
            shell
                .current_dir(tollgate.directory.path())
                .env("PATH", &path),
        );
        let ended = ended.expect("the commands end");
        assert!(ended.status.success(), "{heading}: {ended:?}");
        String::from_utf8(ended.stdout).unwrap()
    };
    let key = follow("Make a key");
    assert!(
        key.contains("secret   sk-") && key.contains("100000 tokens/month"),
        "{key}"
    );
    let answer = follow("Call a model");
    assert!(answer.contains(r#""total_tokens":18"#), "{answer}");
    running.signal("TERM");
    assert_eq!(running.ended().0.code(), Some(0));
    let used = follow("See what it used");
    assert!(
        used.contains("first") && used.contains("gpt-4o-mini"),
        "{used}"
    );
}
