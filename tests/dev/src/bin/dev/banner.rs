//! What `up` prints when everything is ready.

use std::{
    fmt::Write as _,
    io::{self, Write},
    os::unix::ffi::OsStrExt,
    path::{self, Path},
};

use crate::{authority, catalogue::token, people, place::Place, servers::Servers, settings};

/// Prints URLs, tokens and how to place an order.
pub async fn print(servers: &Servers) {
    let place = servers.place.path().display();
    let variables = settings::of_daybook(&servers.place);
    let value = |wanted: &str| {
        let found = variables.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let api = format!("http://{}", value("DAYBOOK_API_LISTEN"));
    let (admin, telemetry) = (value("DAYBOOK_ADMIN_LISTEN"), value("DAYBOOK_TELEMETRY_LISTEN"));
    let door = settings::door(&servers.place);
    let (database, nats) = (value("DAYBOOK_DATABASE_URL"), value("DAYBOOK_NATS_URL"));
    let analysts = settings::analyst_url(&servers.place);
    let mut text = format!(
        "
Daybook is ready.
  API         {api}  (pages: /docs, /graphql, /openapi.json)
  Admin       http://{admin}  (the console: http://{admin}/console)
  Telemetry   http://{telemetry}/metrics
  Log         esdb://{door} (gRPC with TLS; clients of EventStoreDB read it by the line below)
  PostgreSQL  {database}
  Analysts    {analysts}  (views of public events: docs/analysts.md)
  NATS        {nats}  (public events: the stream DAYBOOK_EVENTS)
  Mails       {place}/mail
  Logs        {place}/log

Tokens for 12 hours (the customer is alice):
"
    );
    let (mut customer, mut analyst) = (String::new(), String::new());
    for (_, role) in people::PEOPLE {
        let token = token(servers, role).await.unwrap_or_else(|_| "(daybook token failed)".into());
        let _ = writeln!(text, "  {role:<13} {token}");
        match role {
            "customer" => customer = token,
            "analyst" => analyst = token,
            _ => {}
        }
    }
    let _ = writeln!(text, "\nAccounts at {api}/account, all with the password {}:", people::PASSWORD);
    for (name, role) in people::PEOPLE {
        let _ = writeln!(text, "  {role:<13} {}", people::address(name));
    }
    let _ = write!(
        text,
        r#"
Place an order, then read it:

TOKEN='{customer}'

curl -sS {api}/v1/orders -H "Authorization: Bearer $TOKEN" \
  -H "Idempotency-Key: first-order-$(date +%s)" -H 'Content-Type: application/json' \
  -d '{{"lines":[{{"sku":"TEA-EARL-GREY","quantity":2}}],"currency":"EUR","contact":{{"name":"Alice Example","email":"alice@example.com"}}}}'

curl -sS "{api}/v1/orders?limit=1" -H "Authorization: Bearer $TOKEN"

Read the log with a client of EventStoreDB:

{}

"#,
        connection_string(&servers.place, &analyst)
    );
    // A reader who has gone away must not stop us.
    let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
}

/// How clients of EventStoreDB are told where the door is, and with which token they come.
pub fn connection_string(place: &Place, token: &str) -> String {
    let ca_file = authority::ca_file(place);
    let ca_file = in_url(&path::absolute(&ca_file).unwrap_or(ca_file));
    format!("esdb://analyst:{token}@{}?tlsCAFile={ca_file}", settings::door(place))
}

/// A path as a URL has it. What means something in URLs, or in shells, is written in numbers.
fn in_url(path: &Path) -> String {
    let written = |byte: &u8| match byte {
        b'/' | b'-' | b'.' | b'_' | b'~' => char::from(*byte).to_string(),
        letter if letter.is_ascii_alphanumeric() => char::from(*letter).to_string(),
        other => format!("%{other:02X}"),
    };
    path.as_os_str().as_bytes().iter().map(written).collect()
}
