//! Identity: who people are, and how they show it.

pub mod links;
