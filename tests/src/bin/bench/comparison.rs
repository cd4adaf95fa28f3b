//! The usual way with postgres-es: the same decider, behind the same HTTP framework and the same token
//! check, one aggregate and one transaction a command. It has no idempotency keys, and can't hold stock
//! together with the order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use actix_web::{HttpRequest, HttpResponse, web};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use daybook_core::{
    auth::{Grant, KeySet, SigningKey, Verifier, token::Presented},
    entropy::Clock,
};
use daybook_domain::{
    Decider, Event as _,
    money::{Currency, Money},
    order::{Command, Event, Line, Order, Place, Rejection},
    policy::Role,
    quantity::Quantity,
    sku::Sku,
};
use daybook_http::caller::presented_token;
use daybook_tests::{TestDatabase, shop::new_id};
use postgres_es::PostgresCqrs;
use serde::{Deserialize, Serialize};

use crate::{
    generator::{self, Load, Make},
    server::{SUBJECTS, serve},
};

const TABLES: &str = "CREATE SCHEMA usual;
    CREATE TABLE usual.events (
        aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint NOT NULL CHECK (sequence >= 0),
        event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, sequence));";

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct UsualOrder(Order);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct UsualEvent(Event);

impl DomainEvent for UsualEvent {
    fn event_type(&self) -> String {
        self.0.name().to_owned()
    }

    fn event_version(&self) -> String {
        self.0.version().to_string()
    }
}

impl Aggregate for UsualOrder {
    const TYPE: &'static str = Order::KIND;
    type Command = Command;
    type Event = UsualEvent;
    type Error = Rejection;
    type Services = ();

    async fn handle(&mut self, command: Command, (): &(), sink: &EventSink<Self>) -> Result<(), Rejection> {
        for event in self.0.decide(command)? {
            sink.write(UsualEvent(event), self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: UsualEvent) {
        self.0 = std::mem::take(&mut self.0).evolve(&event.0);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    lines: Vec<BodyLine>,
    currency: Currency,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BodyLine {
    sku: Sku,
    quantity: Quantity,
}

struct Usual {
    cqrs: PostgresCqrs<UsualOrder>,
    verifier: Verifier,
}

pub struct Comparison {
    address: SocketAddr,
    make: Make,
}

impl Comparison {
    pub async fn start(database: &TestDatabase) -> Self {
        database.execute(TABLES).await;
        let options: sqlx::postgres::PgConnectOptions =
            database.superuser_url().as_str().parse().expect("a URL");
        let pool = daybook_migrations::pool(
            options.options([("search_path", "usual")]),
            32,
            Duration::from_secs(30),
        );
        let key = SigningKey::random();
        let clock = Clock::System;
        let usual = web::Data::new(Usual {
            cqrs: postgres_es::postgres_cqrs(pool, vec![], ()),
            verifier: Verifier::new("daybook", "daybook", KeySet::new([&key.jwk]), clock.clone()),
        });
        let address = serve(move |routes| {
            routes.app_data(usual.clone()).route("/v1/orders", web::post().to(place));
        });
        let tokens: Vec<String> = (0..SUBJECTS)
            .map(|subject| {
                let subject = format!("customer-{subject}");
                let grant =
                    Grant { subject: &subject, roles: &[Role::Customer], ttl: Duration::from_secs(7_200) };
                key.mint("daybook", "daybook", clock.now(), &grant)
            })
            .collect();
        let make: Make =
            Arc::new(move |number, request| crate::orders::order(number, 1_000, &tokens, request));
        Self { address, make }
    }

    pub async fn load(&self, connections: u64, duration: Duration, first: u64) -> Load {
        generator::run(self.address, connections, duration, first, self.make.clone()).await
    }
}

async fn place(request: HttpRequest, body: web::Bytes, usual: web::Data<Usual>) -> HttpResponse {
    let token = presented_token(request.headers()).ok().flatten();
    let Some(actor) = token.and_then(|token| {
        let presented = Presented::new(token);
        usual.verifier.remembered(&presented).or_else(|| usual.verifier.verify(&presented).ok())
    }) else {
        return HttpResponse::Unauthorized().finish();
    };
    let Ok(body) = serde_json::from_slice::<Body>(&body) else { return HttpResponse::BadRequest().finish() };
    let price = Money::new(499, body.currency).try_into().expect("a price");
    let lines: Vec<Line> = body
        .lines
        .into_iter()
        .map(|line| Line {
            name: "Product".parse().expect("a name"),
            sku: line.sku,
            quantity: line.quantity,
            unit_price: price,
            list_price: None,
        })
        .collect();
    let order = Place {
        customer: actor.subject.parse().ok(),
        lines,
        currency: body.currency,
        override_reason: None,
        contact: None,
        ship_to: None,
        external_id: None,
        metadata: Default::default(),
        pay_until: None,
        terms: None,
        buyer: None,
    };
    let id = format!("ord_{}", new_id().simple());
    match usual.cqrs.execute(&id, Command::Place(Box::new(order))).await {
        Ok(()) => HttpResponse::Created().json(serde_json::json!({ "id": id, "version": 1 })),
        Err(error) => HttpResponse::InternalServerError().body(error.to_string()),
    }
}
