use daybook_tests::chaos::{Settings, run};

/// A short piece, in which all that is dearest is killed; `./dev chaos` plays longer and others.
/// Catches: asynchronous_commit, numbered_before_the_commit, keys_not_stored, nothing_arbitrates.
#[tokio::test(flavor = "multi_thread")]
async fn chaos_breaks_no_promise() {
    let findings = run(&Settings { seed: 30, seconds: 14, logs: None }).await;
    assert!(findings.is_good(), "{findings}\n{}", findings.examples.join("\n"));
}
