//! All that the listeners serve: a line for each route, in the file of its resource.

pub mod about;
pub mod accounts;
pub mod admin;
pub mod api_keys;
pub mod audit;
pub mod event_types;
pub mod events;
mod features;
mod leaving;
pub mod log_levels;
mod order_claims;
pub mod orders;
pub mod outside;
mod own_copy;
pub mod probes;
pub mod products;
pub mod quotes;
pub mod roles;
pub mod sales;
pub mod sessions;
pub mod stock;
pub mod taxes;

use super::{console, pages, route::Route};

/// The routes of the API's listener.
pub fn api() -> Vec<Route> {
    [
        products::routes(),
        stock::routes(),
        quotes::routes(),
        orders::routes(),
        sales::routes(),
        taxes::routes(),
        accounts::routes(),
        order_claims::routes(),
        own_copy::routes(),
        roles::routes(),
        // In front of `/v1/sessions/{id}`.
        outside::routes(),
        sessions::routes(),
        api_keys::routes(),
        events::routes(),
        about::routes(),
        pages::routes(),
        documents(),
    ]
    .concat_all()
}

/// The routes of the operators' listener.
pub fn admin() -> Vec<Route> {
    [
        admin::routes(),
        audit::routes(),
        features::routes(),
        log_levels::routes(),
        of_the_api(),
        console::routes(),
        documents(),
    ]
    .concat_all()
}

/// What operators also need of the API, with the rules that it has there: to log in, and to look at what happened.
fn of_the_api() -> Vec<Route> {
    let is_wanted = |route: &Route| {
        route.path.starts_with("/v1/sessions") || OF_THE_API.contains(&route.about.name.as_str())
    };
    [
        orders::routes(),
        products::routes(),
        stock::routes(),
        accounts::routes(),
        sessions::routes(),
        events::routes(),
        about::routes(),
    ]
    .concat_all()
    .into_iter()
    .filter(is_wanted)
    .collect()
}

const OF_THE_API: [&str; 7] = [
    "order.by_id",
    "product.by_sku",
    "stock.by_sku",
    "accounts.me",
    "events.list",
    "events.types",
    "permissions.mine",
];

/// The routes of the listener for programs that watch over this process.
pub fn telemetry() -> Vec<Route> {
    [probes::routes(), probes::metrics()].concat_all()
}

/// What every listener that people use has.
fn documents() -> Vec<Route> {
    [about::documents(), probes::routes()].concat_all()
}

/// Joins lists of values that can't be cloned.
trait ConcatAll {
    fn concat_all(self) -> Vec<Route>;
}

impl<const N: usize> ConcatAll for [Vec<Route>; N] {
    fn concat_all(self) -> Vec<Route> {
        self.into_iter().flatten().collect()
    }
}
