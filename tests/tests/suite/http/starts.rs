//! What a process outside development doesn't start with.

use daybook_core::{Config, config::Environment, entropy::Clock};
use daybook_tests::TestApp;

/// As production is, with the keys of the app.
pub fn production(app: &TestApp) -> Config {
    let mut config = app.config.clone();
    let keys = config.home.join("keys");
    let key = keys.join("signing.pem");
    std::fs::copy(keys.join("development-signing.pem"), &key).expect("the app has made a key");
    let master_key = std::fs::read_to_string(keys.join("development-master.key")).expect("it, too");
    config.environment = Environment::Production;
    config.tokens.signing_key_file = Some(key);
    config.vault.master_key = Some(master_key.trim().into());
    config.nats_url = config.nats_url.expose().replace("nats://", "nats://server:secret@").as_str().into();
    config
}

async fn started(config: &Config) -> Result<(), String> {
    match daybook::start(config, Clock::System).await {
        Ok(running) => {
            running.stop().await;
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Catches: a server that could change what has happened, and a broker that takes events from everyone.
#[tokio::test(flavor = "multi_thread")]
async fn production_starts_with_no_more_rights_than_it_needs_and_with_a_broker_that_asks_who_one_is() {
    let app = TestApp::start().await;
    let config = production(&app);
    assert_eq!(started(&config).await, Ok(()));
    for url in [app.database.owner_url(), app.database.superuser_url()] {
        let config = Config { database_url: url.as_str().into(), ..config.clone() };
        let refused = started(&config).await.expect_err("it may do too much");
        assert!(
            refused.starts_with("setting database_url: ") && refused.contains("daybook migrate"),
            "{refused}"
        );
    }
    let open = Config { nats_url: app.config.nats_url.clone(), ..config };
    let refused = started(&open).await.expect_err("the broker is open");
    assert!(refused.starts_with("setting nats_url: ") && refused.contains("user:password"), "{refused}");
    // In development, all of it is taken.
    let owner = Config { database_url: app.database.owner_url().as_str().into(), ..app.config.clone() };
    assert_eq!(started(&owner).await, Ok(()));
}
