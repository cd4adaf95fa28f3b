//! The tax rates of the demo shop's country, which are written once.

use std::fs;

use crate::{
    catalogue::token,
    failure::{Failure, say},
    http::Http,
    servers::Servers,
    settings::COUNTRY,
};

/// Classes and their rates.
const RATES: [(&str, &str); 2] = [("standard", "19"), ("books", "7")];

/// Writes them unless that has been done.
pub async fn seed_once(servers: &Servers, http: &Http) -> Result<(), Failure> {
    let mark = servers.place.join("taxes-seeded");
    if mark.exists() {
        return Ok(());
    }
    say("Writing the demo tax rates ...");
    if let Err(failure) = seed(servers, http).await {
        failure.told();
        say("The demo tax rates could not be written: the next ./dev up tries again.");
        return Ok(());
    }
    Ok(fs::write(mark, "")?)
}

/// Can be repeated: a rate that is there stays.
async fn seed(servers: &Servers, http: &Http) -> Result<(), Failure> {
    let admin = token(servers, "admin").await?;
    let api = servers.place.noted("api.listen");
    let url = format!("http://{api}/v1/tax/{COUNTRY}/rates");
    for (class, rate) in RATES {
        let body = format!(r#"{{"class":"{class}","rate":"{rate}","valid_from":"2021-01-01"}}"#);
        let answer = http.put(&url, &admin, &format!("demo-tax-{class}"), &body).await?;
        if answer.status != 200 {
            return Err(Failure::new(format_args!("PUT {url} answered: {} {}", answer.body, answer.status)));
        }
    }
    Ok(())
}
