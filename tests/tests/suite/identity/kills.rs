//! Staying logged in while processes die.

use daybook_tests::{Client, Reply, people::post, until};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Executor;
use tokio::task::JoinSet;

use super::founding::{PASSWORD, create};
use crate::faults::House;

const EMAIL: &str = "ada@example.com";

async fn refresh(client: &Client, token: &Value) -> Reply {
    post(client, "/v1/sessions/refresh", json!({"refresh_token": token})).await
}

/// The refresh token was used, and the process dies before any of those who used it is told.
/// Catches: a successor that is made anew for each who asks, so that a lost answer logs its owner out.
#[tokio::test(flavor = "multi_thread")]
async fn fault_refreshes_whose_answers_are_lost_by_a_kill_have_one_successor() {
    let house = House::new().await;
    let (mut a, b) = (house.started("a"), house.started("b"));
    assert!(create(&b, &["--email", EMAIL, "--password-stdin"], Some(PASSWORD)).status.success());
    let (on_a, on_b) = (a.api(&house.client), b.api(&house.client));
    let body = json!({"email": EMAIL, "password": PASSWORD});
    let mut token = post(&on_b, "/v1/sessions", body).await.expect(201).json()["refresh_token"].clone();
    let generation = "SELECT max(generation)::bigint FROM sessions";
    for _ in 0..3 {
        let before = house.database.count(generation).await;
        // Whose account it is, is read after the token is used up.
        let mut foreign = house.database.foreign_session().await;
        foreign.execute("BEGIN; LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let mut asked = JoinSet::new();
        for _ in 0..20 {
            let (client, body) = (on_a.clone(), json!({"refresh_token": token}));
            asked.spawn(async move {
                let request = client.request(Method::POST, "/v1/sessions/refresh").json(&body);
                client.try_send(request).await.map(|reply| reply.status)
            });
        }
        until("the token is used up", async || house.database.count(generation).await > before).await;
        a.kill();
        foreign.execute("ROLLBACK").await.unwrap();
        while let Some(answer) = asked.join_next().await {
            assert!(answer.unwrap().is_err(), "nobody was there to answer");
        }
        a.start();
        let on_a = a.api(&house.client);
        let again = (0..20).map(|number| refresh(if number % 2 == 0 { &on_a } else { &on_b }, &token));
        let successors: Vec<Value> = join_all(again)
            .await
            .into_iter()
            .map(|reply| reply.expect(200).json()["refresh_token"].clone())
            .collect();
        assert!(successors.iter().all(|successor| *successor == successors[0]), "{successors:?}");
        assert_eq!(house.database.count(generation).await, before + 1);
        token = refresh(&on_b, &successors[0]).await.expect(200).json()["refresh_token"].clone();
    }
    assert_eq!(house.database.count("SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL").await, 0);
}
