//! The demo catalogue, which is written once.

use std::{fs::File, process::Stdio};

use crate::{
    failure::{Failure, say},
    http::Http,
    servers::Servers,
};

/// A product, its price in cents of EUR, and how much of it comes into stock.
const CATALOGUE: [(&str, u32, u32, &str, &str); 6] = [
    ("TEA-EARL-GREY", 1290, 250, "Earl Grey, 100 g", "Black tea from Assam with oil of bergamot."),
    ("TEA-SENCHA", 1650, 120, "Sencha, 100 g", "Steamed green tea, grassy and fresh."),
    ("TEA-ROOIBOS", 790, 400, "Rooibos, 100 g", "Red bush from the Cederberg, without caffeine."),
    ("POT-CAST-IRON", 5900, 15, "Cast-iron teapot, 0.8 l", "Enamelled inside, with a steel strainer."),
    ("CUP-STONEWARE", 1450, 80, "Stoneware cup, 0.2 l", "Thrown by hand: no two are alike."),
    ("CADDY-TIN", 980, 60, "Tea caddy, 250 g", "Tin-plated, with an inner lid."),
];

/// Writes it unless that has been done.
pub async fn seed_once(servers: &Servers, http: &Http) -> Result<(), Failure> {
    let mark = servers.place.join("catalogue-seeded");
    if mark.exists() {
        return Ok(());
    }
    say("Writing the demo catalogue ...");
    match seed(servers, http).await {
        Ok(()) => drop(File::create(mark)?),
        Err(failure) => {
            failure.told();
            say("The demo catalogue could not be written: the next ./dev up tries again.");
        }
    }
    Ok(())
}

/// Every request has its own fixed key and always the same body, so a seeding that broke off can be repeated.
async fn seed(servers: &Servers, http: &Http) -> Result<(), Failure> {
    let [merchandiser, warehouse] =
        [token(servers, "merchandiser").await?, token(servers, "warehouse").await?];
    let api = servers.place.noted("api.listen");
    let post = async |token: &str, path: &str, key: &str, body: &str| {
        let answer = http.post(&format!("http://{api}{path}"), token, key, body).await?;
        let is_there = answer.status == 409 && answer.body.contains("already_exists");
        if is_there || (200..300).contains(&answer.status) {
            return Ok(());
        }
        Err(Failure::new(format_args!("POST {path} answered: {} {}", answer.body, answer.status)))
    };
    for (sku, amount, quantity, name, description) in CATALOGUE {
        let product = format!(
            r#"{{"sku":"{sku}","name":"{name}","description":"{description}","price":{{"amount":{amount},"currency":"EUR"}}}}"#
        );
        post(&merchandiser, "/v1/products", &format!("demo-{sku}-product"), &product).await?;
        let publication = format!("/v1/products/{sku}/publication");
        post(&merchandiser, &publication, &format!("demo-{sku}-publication"), "{}").await?;
        let receipt = format!(r#"{{"quantity":{quantity},"reference":"demo"}}"#);
        let receipts = format!("/v1/stock/{sku}/receipts");
        post(&warehouse, &receipts, &format!("demo-{sku}-receipt"), &receipt).await?;
    }
    Ok(())
}

/// A token for 12 hours; the customer is alice, others are called as their role.
pub async fn token(servers: &Servers, role: &str) -> Result<String, Failure> {
    let subject = if role == "customer" { "alice" } else { role };
    let command = servers.daybook(&["token", "--subject", subject, "--role", role, "--ttl", "12h"]);
    let told = tokio::process::Command::from(command).stderr(Stdio::inherit()).output().await?;
    if !told.status.success() {
        return Err(Failure::new("daybook token failed"));
    }
    Ok(String::from_utf8_lossy(&told.stdout).trim_end().to_owned())
}
