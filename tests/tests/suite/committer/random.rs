//! A long journey without a plan: several clients of two processes do whatever comes to their minds,
//! and afterwards the log must make sense.

use std::sync::{Arc, Mutex};

use daybook_commands::{
    CommandError, Commands, Context, Failure,
    orders::{CancelOrderRequest, ConfirmOrder, DeliverOrder, PlaceOrderRequest, ShipOrderRequest},
    products::{PublishProduct, SetPrice, UnpublishProduct},
    stock::{AdjustStock, ReceiveStock},
};
use daybook_domain::{
    code::GeneralCode,
    ids::OrderId,
    order::Pieces,
    policy::{Actor, Role},
    stock::StockCode,
};
use daybook_tests::{
    Log, Shop, TestDatabase,
    shop::{Answer, ask, by, euros, keyed, order, order_id, quantity, sku},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::task::JoinSet;

const CODES: [&str; 5] = ["TEAPOT", "CUP", "SAUCER", "SPOON", "TRAY"];

/// What the clients know of each other.
#[derive(Default)]
struct Known {
    placed: Vec<OrderId>,
    /// Requests that were answered, to be repeated: key, order and answer.
    keyed: Vec<(String, PlaceOrderRequest, String)>,
}

struct Client {
    commands: Commands,
    random: StdRng,
    known: Arc<Mutex<Known>>,
    number: u64,
}

impl Client {
    async fn act(&mut self, step: usize) {
        let code = sku(CODES.choose(&mut self.random).unwrap());
        let amount = self.random.random_range(0..500);
        let answer = match self.random.random_range(0..100) {
            0..3 => {
                ask(&self.commands, by(Role::Merchandiser), SetPrice { sku: code, price: euros(amount) })
                    .await
            }
            3..5 => ask(&self.commands, by(Role::Merchandiser), UnpublishProduct { sku: code }).await,
            5..9 => ask(&self.commands, by(Role::Merchandiser), PublishProduct { sku: code }).await,
            9..17 => {
                ask(
                    &self.commands,
                    by(Role::Warehouse),
                    ReceiveStock { sku: code, quantity: quantity(1 + amount / 10), reference: None },
                )
                .await
            }
            17..22 => {
                let delta = amount / 20 - 15;
                ask(
                    &self.commands,
                    by(Role::Warehouse),
                    AdjustStock { sku: code, delta, reason: "counted".parse().unwrap() },
                )
                .await
            }
            22..50 => return self.place(step).await,
            50..56 => return self.repeat().await,
            chosen => {
                let Some(id) = self.some_order() else { return };
                self.change(id, chosen).await
            }
        };
        assert_understandable(&answer);
    }

    async fn change(&mut self, id: OrderId, chosen: i32) -> Answer {
        match chosen {
            56..70 => ask(&self.commands, by(Role::Support), ConfirmOrder { id }).await,
            70..78 => {
                ask(&self.commands, by(Role::Support), CancelOrderRequest { id, reason: None, lines: None })
                    .await
            }
            78..82 => {
                let stranger = Actor { subject: "eve".into(), ..by(Role::Customer).actor };
                let hers = Context { actor: stranger, ..by(Role::Customer) };
                let answer =
                    ask(&self.commands, hers, CancelOrderRequest { id, reason: None, lines: None }).await;
                assert!(answer.is_err(), "it is not hers");
                answer
            }
            82..90 => {
                let code = CODES.choose(&mut self.random).unwrap();
                let pieces = vec![Pieces { sku: sku(code), quantity: quantity(1) }];
                ask(
                    &self.commands,
                    by(Role::Warehouse),
                    ShipOrderRequest { id, pieces: Some(pieces), tracking: None },
                )
                .await
            }
            90..96 => {
                ask(
                    &self.commands,
                    by(Role::Warehouse),
                    ShipOrderRequest { id, pieces: None, tracking: None },
                )
                .await
            }
            _ => ask(&self.commands, by(Role::Warehouse), DeliverOrder { id }).await,
        }
    }

    async fn place(&mut self, step: usize) {
        let lines: Vec<(&str, i64)> = (0..self.random.random_range(1..5))
            .map(|_| (*CODES.choose(&mut self.random).unwrap(), self.random.random_range(1..6)))
            .collect();
        let order = order(&lines);
        let key = format!("{}-{step}", self.number);
        let answer = ask(&self.commands, keyed(by(Role::Customer), &key), order.clone()).await;
        if let Ok(accepted) = &answer {
            let mut known = self.known.lock().unwrap();
            known.placed.push(order_id(accepted));
            known.keyed.push((key, order, accepted.outcome.clone()));
        }
        assert_understandable(&answer);
    }

    /// A repeat of any request: the same answer.
    async fn repeat(&mut self) {
        let chosen = self.known.lock().unwrap().keyed.choose(&mut self.random).cloned();
        let Some((key, order, told)) = chosen else { return };
        match ask(&self.commands, keyed(by(Role::Customer), &key), order).await {
            Ok(again) => assert!(again.replayed && again.outcome == told, "{again:?}"),
            refusal => assert_eq!(daybook_tests::shop::refused(refusal), "idempotency_in_flight"),
        }
    }

    fn some_order(&mut self) -> Option<OrderId> {
        let known = self.known.lock().unwrap();
        // Mostly a recent one, whose life isn't over yet.
        let recent = &known.placed[known.placed.len().saturating_sub(12)..];
        if self.random.random_bool(0.8) { recent } else { &known.placed }.choose(&mut self.random).copied()
    }
}

/// Accepted, or refused by a rule; a defect is neither.
fn assert_understandable(answer: &Answer) {
    match answer {
        Ok(_) | Err(CommandError::Refused(_)) => {}
        Err(CommandError::Failed(Failure::Overloaded)) => panic!("a few clients are no load"),
        Err(failure) => panic!("{failure}"),
    }
    if let Err(CommandError::Refused(refusal)) = answer {
        let defects = [
            StockCode::NotPromised.code(),
            GeneralCode::ValidationFailed.code(),
            StockCode::OutOfRange.code(),
        ];
        assert!(!defects.contains(&refusal.code), "{refusal}");
    }
}

async fn journey(seed: u64) {
    let database = TestDatabase::new().await;
    let shops = [Shop::open(&database.app_url(), "a"), Shop::open(&database.app_url(), "b")];
    for code in CODES {
        shops[0].sell(code, 100).await;
        shops[0].receive(code, 30).await.unwrap();
    }
    let known = Arc::new(Mutex::new(Known::default()));
    let mut clients = JoinSet::new();
    for number in 0..6_u64 {
        let mut client = Client {
            commands: shops[usize::try_from(number % 2).unwrap()].commands.clone(),
            random: StdRng::seed_from_u64(seed * 100 + number),
            known: Arc::clone(&known),
            number,
        };
        clients.spawn(async move {
            for step in 0..120 {
                client.act(step).await;
            }
        });
    }
    clients.join_all().await;
    for shop in shops {
        shop.close().await;
    }
    let log = Log::check(&database.superuser).await;
    let known = known.lock().unwrap();
    assert_eq!(log.orders().len(), known.placed.len(), "nothing but what was acknowledged");
    assert!(known.placed.iter().all(|id| log.times_placed(*id) == 1));
    assert!(known.placed.len() > 30, "a journey of refusals shows nothing");
}

/// Catches: no_lock, no_expectations, head_always_known, keys_not_stored,
/// keys_of_refusals_not_looked_at, numbered_before_the_commit.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_clients_do_the_log_makes_sense() {
    for seed in 1..=3 {
        journey(seed).await;
    }
}
