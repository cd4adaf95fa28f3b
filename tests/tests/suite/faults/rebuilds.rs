use daybook_domain::policy::Role;
use daybook_tests::{Daybook, until};
use serde_json::{Value, json};

use super::{House, teapots};
use crate::http::rebuilds::{Hold, many_orders, no_litter, no_litter_of};

/// States in which a rebuild is made to stand still, by what, and what it is doing there.
const PLACES: [(&str, &str, &str); 4] = [
    ("building", "BEFORE INSERT ON checkpoints FOR EACH ROW", "all is loaded, and nothing committed"),
    (
        "catching_up",
        "BEFORE UPDATE ON checkpoints FOR EACH ROW WHEN (NEW.generation > newest)",
        "it applies events",
    ),
    ("verifying", "BEFORE UPDATE ON rebuilds FOR EACH ROW WHEN (NEW.state = 'swapping')", "it is verified"),
    ("swapping", "BEFORE UPDATE ON read_models FOR EACH ROW", "the pointer moves"),
];

/// Catches: a generation that is built on by two; rows of a load that died; a place of which is believed
/// that it was reached.
#[tokio::test(flavor = "multi_thread")]
async fn fault_a_server_that_is_killed_in_the_middle_of_a_rebuild_begins_it_again() {
    let house = House::new().await;
    let mut a = house.started("a");
    house.sell(&a, 100_000).await;
    house.alice(&a).post("/v1/orders", teapots(1)).await.expect(201);
    many_orders(&house.database, 1_500).await;
    for (generations, place) in (2..).zip(PLACES) {
        killed_and_begun_again(&house, &mut a, "orders", place).await;
        // The first time there is one generation, and later also the one before.
        no_litter(&house.database, generations.min(2)).await;
    }
    // Rows and sums.
    for place in [PLACES[0], PLACES[1]] {
        killed_and_begun_again(&house, &mut a, "sales", place).await;
        no_litter_of(&house.database, "sales", 2, 4).await;
    }
}

async fn killed_and_begun_again(
    house: &House,
    a: &mut Daybook,
    model: &str,
    (state, place, what): (&str, &str, &str),
) {
    let newest = format!("SELECT max(generation)::bigint FROM checkpoints WHERE name = '{model}'");
    let newest = house.database.count(&newest).await.to_string();
    let place = place.replace("newest", &format!("{newest} AND NEW.name = '{model}'"));
    let hold = Hold::at(&house.database, &place).await;
    let operator = a.api(&house.client).at(format!("http://{}", a.admin));
    let operator = operator.with_token(a.token("operator", Role::Operator));
    let asked = operator.post(&format!("/admin/projections/{model}/rebuilds"), json!({})).await.expect(202);
    let location = asked.header("location").unwrap();
    until(what, async || {
        // Something to catch up with.
        house.alice(a).post("/v1/orders", teapots(1)).await.expect(201);
        Hold::is_met(&house.database).await
    })
    .await;
    let is_state = format!("SELECT count(*) FROM rebuilds WHERE state = '{state}'");
    assert_eq!(house.database.count(&is_state).await, 1, "{what}");
    a.kill();
    hold.release(&house.database).await;
    a.start();
    until("it is done", async || done(&operator.get(location).await.expect(200).json())).await;
    let verified = a.command(&["verify", model]).output().unwrap();
    assert!(verified.status.success(), "{what}: {}", String::from_utf8_lossy(&verified.stdout));
}

fn done(rebuild: &Value) -> bool {
    assert!(rebuild["state"] != "failed" && rebuild["state"] != "cancelled", "{rebuild}");
    rebuild["state"] == "done"
}
