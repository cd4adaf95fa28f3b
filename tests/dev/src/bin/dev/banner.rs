//! What `up` prints when everything is ready.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use crate::{catalogue::token, servers::Servers, settings};

const ROLES: [&str; 7] = ["customer", "merchandiser", "warehouse", "support", "analyst", "operator", "admin"];

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
    let (database, nats) = (value("DAYBOOK_DATABASE_URL"), value("DAYBOOK_NATS_URL"));
    let mut text = format!(
        "
Daybook is ready.
  API         {api}  (pages: /docs, /openapi.json)
  Admin       http://{admin}
  Telemetry   http://{telemetry}/metrics
  PostgreSQL  {database}
  NATS        {nats}  (public events: the stream DAYBOOK_EVENTS)
  Mails       {place}/mail
  Logs        {place}/log

Tokens for 12 hours (the customer is alice):
"
    );
    let mut customer = String::new();
    for role in ROLES {
        let token = token(servers, role).await.unwrap_or_else(|_| "(daybook token failed)".into());
        let _ = writeln!(text, "  {role:<13} {token}");
        if role == "customer" {
            customer = token;
        }
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

"#
    );
    // A reader who has gone away must not stop us.
    let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
}
