//! Accounts, sessions, second factors and keys, over HTTP and on the other interfaces.

mod accounts;
mod api_keys;
pub mod factors;
mod founding;
mod kills;
mod lapsing;
mod limits;
mod order_claims;
mod outside;
mod outside_pages;
mod outside_rules;
mod own_copy;
mod restored;
mod roles;
mod rotation;
mod secrets;
mod sessions;
mod sessions_of_others;
