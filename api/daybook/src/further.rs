//! The interfaces that the API's listener serves beside HTTP's own routes.

use daybook_core::Config;
use daybook_http::route::Route;

#[cfg(feature = "graphql")]
pub fn routes(config: &Config) -> impl Fn() -> Vec<Route> + Clone + Send + 'static {
    daybook_graphql::endpoints(!config.is_production())
}

#[cfg(not(feature = "graphql"))]
pub fn routes(_: &Config) -> impl Fn() -> Vec<Route> + Clone + Send + 'static {
    Vec::new
}
