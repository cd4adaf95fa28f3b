//! Servers that are killed while clients follow the log over HTTP and GraphQL. Those of gRPC are with its tests.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Live, live};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use super::House;

/// How the log is asked for behind a position.
#[derive(Clone, Copy, Debug)]
enum Way {
    Events,
    GraphQl,
    Lines,
}

impl Way {
    async fn ask(self, analyst: &Client, after: i64) -> Response {
        match self {
            Self::Events => live::ask(analyst, "", Some(after)).await,
            Self::GraphQl => {
                let query = format!("subscription {{ events(after: \"{after}\") {{ position }} }}");
                let request = analyst.request(Method::POST, "/graphql").header("accept", "text/event-stream");
                request.json(&json!({ "query": query })).send().await.expect("the server answers")
            }
            Self::Lines => {
                let request = analyst.request(Method::GET, &format!("/v1/events?after={after}"));
                request.header("accept", "application/x-ndjson").send().await.expect("the server answers")
            }
        }
    }
}

/// Positions, as they come.
struct Followed {
    way: Way,
    live: Live,
    /// What it was told that is no event.
    told: Vec<String>,
}

impl Followed {
    async fn behind(way: Way, analyst: &Client, after: i64) -> Self {
        let response = way.ask(analyst, after).await;
        assert_eq!(response.status(), 200, "{way:?}");
        let live = match way {
            Way::Lines => Live::lines(response),
            Way::Events | Way::GraphQl => Live::of(response),
        };
        Self { way, live, told: vec![] }
    }

    /// The next one; `None` where it breaks off or ends.
    async fn next(&mut self) -> Option<i64> {
        if let Way::Lines = self.way {
            return self.live.line().await.ok().flatten().map(|event| position(&event));
        }
        loop {
            let frame = self.live.frame().await.ok().flatten()?;
            let data = frame.data.as_ref();
            let event = data.map(|data| data.pointer("/data/events").unwrap_or(data));
            if let Some(event) = event.filter(|event| event["position"].is_i64()) {
                return Some(position(event));
            }
            self.told.push(format!("{frame:?}"));
        }
    }

    /// The next one of a server that is up.
    async fn one_more(&mut self) -> i64 {
        let next = self.next().await;
        next.unwrap_or_else(|| panic!("{:?} ended: {:?}", self.way, self.told))
    }
}

fn position(event: &Value) -> i64 {
    event["position"].as_i64().unwrap_or_else(|| panic!("{event}"))
}

/// Catches: an event that is left out or sent twice when its reader goes on after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn fault_who_follows_over_http_and_graphql_goes_on_after_a_kill_and_sees_every_event_once() {
    let house = House::new().await;
    let mut server = house.started("one");
    house.sell(&server, 1_000).await;
    for way in [Way::Events, Way::GraphQl, Way::Lines] {
        let mut seen: Vec<i64> = Vec::new();
        let last = |seen: &[i64]| seen.last().copied().unwrap_or_default();
        for taken in [1, 700, 1_300] {
            // However much the last one took that was on its way: there is more than this one takes.
            house.database.lengthen("TEAPOT", 3_000).await;
            let analyst = house.by(&server, "ann", Role::Analyst);
            let mut followed = Followed::behind(way, &analyst, last(&seen)).await;
            let until = seen.len() + taken;
            while seen.len() < until {
                seen.push(followed.one_more().await);
            }
            server.kill();
            // What was on its way already may still be taken.
            while let Some(position) = followed.next().await {
                seen.push(position);
            }
            server.start();
            house.receive(&server, 1).await;
        }
        let head = house.database.count("SELECT max(position) FROM events").await;
        let analyst = house.by(&server, "ann", Role::Analyst);
        let mut followed = Followed::behind(way, &analyst, last(&seen)).await;
        while last(&seen) < head {
            seen.push(followed.one_more().await);
        }
        assert_eq!(seen, (1..=head).collect::<Vec<_>>(), "{way:?}");
    }
}
