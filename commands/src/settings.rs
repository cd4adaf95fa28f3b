//! What can be set of the write side.

use daybook_domain::{
    contact::Country,
    incoming::Incoming,
    pricing::Mode,
    settings::{Size, Span, between, list, one_of, that_is},
    tax::{TaxClass, TaxRules},
};

daybook_domain::settings! {
    /// The write side: what waits, what is appended together, what is kept in memory. The defaults were
    /// measured on two cores; more is rarely better.
    pub struct Settings {
        /// Commands that wait for their answer; beyond that they are turned away.
        max_queued_commands: usize = 8_192, between(1, 1_000_000);
        /// What these commands may take in memory.
        max_queued_size: Size = Size::mib(64), between(Size::kib(4), Size::gib(16));
        /// Commands that are decided and appended together.
        max_batch_commands: usize = 512, between(1, 10_000);
        /// Events that are appended together; a single command may have more.
        max_batch_events: usize = 4_096, between(1, 100_000);
        /// What the commands that are decided together may take in memory; a single one may take more. It bounds the lines of
        /// orders, each of which is priced: an order of 2,000 lines takes as much as some hundred of one.
        max_batch_size: Size = Size::mib(4), between(Size::kib(4), Size::gib(1));
        /// Streams whose newest state is kept in memory.
        working_set_streams: usize = 100_000, between(1_000, 100_000_000);
        /// What these states may take in memory, about. An order of 1,000 lines takes as much as the
        /// counters of some hundred SKUs.
        working_set_size: Size = Size::mib(256), between(Size::mib(1), Size::tib(1));
        /// How long an append, or loading streams for one, may take before its connection is given up.
        append_timeout: Span = Span::seconds(15), between(Span::millis(100), Span::minutes(5));
        /// How long the outcome of an append is looked for after its connection was lost.
        resolve_timeout: Span = Span::seconds(10), between(Span::millis(100), Span::minutes(5));
        /// How long the stock of a new order is held for it, where the feature `expire_orders` is enabled. One that isn't
        /// confirmed by then is cancelled. Left out: held until the order is confirmed or cancelled.
        #[serde(skip_serializing_if = "Option::is_none")]
        hold_ttl: Option<Span> = None, between(Span::seconds(1), Span::days(365)).optional();
        /// Connections to the database that read streams and look keys up. One more appends.
        connections: u32 = 4, between(1, 1_000);
        groups { tax: Tax; }
    }
}

daybook_domain::settings! {
    /// Where the shop is taxed, where the feature `tax` is enabled.
    pub struct Tax {
        /// Where the shop is, and what it sends things from. Left out: orders have no taxes that are known.
        #[serde(skip_serializing_if = "Option::is_none")]
        home: Option<Country> = None,
            that_is("a country, ISO 3166-1 alpha-2, such as DE", is_assigned).optional();
        /// Other countries whose tax it charges on what it sends there. In the Union, all others have that of home.
        #[serde(deserialize_with = "list")]
        registered: Vec<Country> = vec![], that_is(
            "countries, as a list or as text with commas",
            |countries: &Vec<Country>| countries.iter().all(is_assigned),
        );
        /// The tax classes of services. All others are goods.
        #[serde(deserialize_with = "list")]
        services: Vec<TaxClass> = vec![], that_is(
            "at most 100 tax classes, as a list or as text with commas",
            |classes: &Vec<TaxClass>| classes.len() <= 100,
        );
        /// Whether taxes are in the prices, or are added to them.
        prices: Mode = Mode::Gross, one_of(&Mode::ALL);
    }
}

fn is_assigned(country: &Country) -> bool {
    country.clone().take().is_ok()
}

impl Tax {
    /// `None`: the shop is nowhere.
    pub(crate) fn rules(&self) -> Option<TaxRules> {
        let home = self.home.clone()?;
        Some(TaxRules { home, registered: self.registered.clone(), services: self.services.clone() })
    }
}
