//! All that the listeners serve: a line for each route, in the file of its resource.

pub mod about;
pub mod admin;
pub mod event_types;
pub mod events;
pub mod orders;
pub mod probes;
pub mod products;
pub mod sales;
pub mod stock;

use super::route::Route;

/// The routes of the API's listener.
pub fn api() -> Vec<Route> {
    [
        products::routes(),
        stock::routes(),
        orders::routes(),
        sales::routes(),
        events::routes(),
        about::routes(),
        pages(),
    ]
    .concat_all()
}

/// The routes of the operators' listener.
pub fn admin() -> Vec<Route> {
    [admin::routes(), pages()].concat_all()
}

/// The routes of the listener for programs that watch over this process.
pub fn telemetry() -> Vec<Route> {
    [probes::routes(), probes::metrics()].concat_all()
}

/// What every listener that people use has.
fn pages() -> Vec<Route> {
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
