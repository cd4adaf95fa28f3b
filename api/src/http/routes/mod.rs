//! Every endpoint of the API: a file each under its resource, and a line here.

pub mod about;
pub mod events;
pub mod orders;
pub mod products;
pub mod stock;

use super::endpoint::{Endpoint, endpoints};

pub fn endpoints() -> Vec<Endpoint> {
    endpoints![
        products::create,
        products::list,
        products::get,
        products::history,
        products::describe,
        products::price,
        products::publish,
        products::unpublish,
        products::archive,
        stock::get,
        stock::history,
        stock::receive,
        stock::adjust,
        orders::place,
        orders::list,
        orders::get,
        orders::history,
        orders::confirm,
        orders::cancel,
        orders::ship,
        orders::deliver,
        events::list,
        events::types,
        about::permissions,
        about::jwks,
    ]
}
