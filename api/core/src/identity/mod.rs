//! Accounts: people who log in, and programs that act for them. Facts about them are in the log, secrets in tables; a
//! secret is written before the fact that names it, and is worth nothing until then.

pub mod accounts;
pub mod activity;
pub mod addresses;
pub mod api_keys;
pub mod asker;
pub mod attempts;
pub mod budgets;
pub mod claims;
pub mod codes;
pub mod error;
pub mod factors;
pub mod founding;
mod hashers;
pub mod housekeeping;
pub mod lapsing;
pub mod links;
pub mod opening;
pub mod order_claims;
pub mod outside;
pub mod parties;
pub mod passwords;
pub mod registering;
pub mod roles;
pub mod rotation;
pub mod secrets;
pub mod session_list;
pub mod sessions;
mod sessions_of_others;
pub mod shared;
pub mod subjects;
pub mod tokens;
pub mod totp;
pub mod verification;
pub mod without_password;
