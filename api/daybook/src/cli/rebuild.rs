//! `daybook rebuild`: asks a running server for it, and watches.

use std::time::Duration;

use daybook_core::{config::Config, terminal::say};
use daybook_projections::RebuildState;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

use super::failure::Failure;

const POLL_EVERY: Duration = Duration::from_millis(250);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the read model.
    name: String,
    /// Return when the rebuild is done, not when it is started.
    #[arg(long)]
    wait: bool,
    /// The URL of the admin listener. If it is not given, the configured address is used.
    #[arg(long)]
    url: Option<String>,
    /// The operator's token. If it is not given, one is made with the configured key.
    #[arg(long)]
    pub token: Option<String>,
}

#[derive(Deserialize)]
struct Rebuild {
    id: String,
    state: RebuildState,
    done_events: u64,
    total_events: u64,
    events_per_second: f64,
    verification: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    detail: String,
}

pub async fn run(args: &Args, token: &str, config: &Config) -> Result<(), Failure> {
    let base = args.url.clone().unwrap_or_else(|| config.admin_url());
    let base = base.trim_end_matches('/');
    let client = Client::builder().timeout(REQUEST_TIMEOUT).build()?;
    let begin = client.post(format!("{base}/admin/projections/{}/rebuilds", args.name));
    let begun: Rebuild = send(begin, token).await?;
    say(format_args!("rebuild {} of {} has begun", begun.id, args.name));
    if !args.wait {
        return Ok(());
    }
    let url = format!("{base}/admin/rebuilds/{}", begun.id);
    let done = watch(&client, &url, token).await?;
    let verification = done.verification.unwrap_or_default();
    match done.state {
        RebuildState::Done => {
            say(format_args!(
                "done: {} events, {:.0}/s; {verification}",
                done.done_events, done.events_per_second
            ));
            Ok(())
        }
        state => Err(format!("the rebuild is {state}: {verification}").into()),
    }
}

async fn watch(client: &Client, url: &str, token: &str) -> Result<Rebuild, Failure> {
    let style = ProgressStyle::with_template("{msg:12} {bar:40} {human_pos}/{human_len} events, {eta} left")?;
    let bar = ProgressBar::new(0).with_style(style);
    loop {
        let rebuild: Rebuild = send(client.get(url), token).await?;
        bar.set_length(rebuild.total_events);
        bar.set_position(rebuild.done_events);
        bar.set_message(rebuild.state.as_str());
        if !rebuild.state.is_live() {
            bar.finish_and_clear();
            return Ok(rebuild);
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

async fn send<T: DeserializeOwned>(request: RequestBuilder, token: &str) -> Result<T, Failure> {
    let response = request.bearer_auth(token).send().await?;
    match response.status() {
        StatusCode::OK | StatusCode::ACCEPTED => Ok(response.json().await?),
        status => match response.json::<Refusal>().await {
            Ok(refusal) => Err(format!("{}: {}", refusal.code, refusal.detail).into()),
            Err(_) => Err(format!("the admin listener answered {status}").into()),
        },
    }
}
