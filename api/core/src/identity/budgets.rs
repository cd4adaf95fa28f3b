//! What others would try again and again: log-ins, codes, registrations, mails. No owner is locked out by what others
//! try: a device that an account was logged in from before has a budget of its own there.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    config,
    limits::{Exceeded, Limit, network},
};

/// An e-mail address, as it is counted.
pub type Mark = [u8; 32];

pub struct Budgets {
    log_in_address: Limit<IpAddr>,
    log_in_account: Limit<Mark>,
    log_in_device: Limit<Uuid>,
    second_factor: Limit<String>,
    registration: Limit<IpAddr>,
    mails: Limit<Mark>,
    reset: Limit<IpAddr>,
}

impl Budgets {
    pub fn new(settings: &config::Budgets) -> Self {
        let window = settings.window.get();
        Self {
            log_in_address: Limit::in_window("log-in-address", settings.log_in_address, window),
            log_in_account: Limit::in_window("log-in-account", settings.log_in_account, window),
            log_in_device: Limit::in_window("log-in-device", settings.log_in_device, window),
            second_factor: Limit::in_window("second-factor", settings.second_factor, window),
            registration: Limit::in_window("registration", settings.registration, window),
            mails: Limit::in_window("mails", settings.mails, window),
            reset: Limit::in_window("reset", settings.reset, window),
        }
    }

    /// A try to log in. `device` is known to the account, and counts for itself.
    pub fn log_in(&self, address: Option<IpAddr>, mark: Mark, device: Option<Uuid>) -> Result<(), Exceeded> {
        if let Some(device) = device {
            return self.log_in_device.take(&device).map(drop);
        }
        if let Some(address) = address {
            self.log_in_address.take(&network(address))?;
        }
        self.log_in_account.take(&mark).map(drop)
    }

    /// Someone goes to another issuer, which may have to be asked for what it says of itself.
    pub fn departure(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        address.map_or(Ok(()), |address| self.log_in_address.take(&network(address)).map(drop))
    }

    /// A code for this account, from a device that it knows or from any other.
    pub fn second_factor(&self, account: &str, device: Option<Uuid>) -> Result<(), Exceeded> {
        let from = device.map(|device| device.to_string()).unwrap_or_default();
        self.second_factor.take(&format!("{account} {from}")).map(drop)
    }

    pub fn registration(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        address.map_or(Ok(()), |address| self.registration.take(&network(address)).map(drop))
    }

    pub fn reset(&self, address: Option<IpAddr>) -> Result<(), Exceeded> {
        address.map_or(Ok(()), |address| self.reset.take(&network(address)).map(drop))
    }

    /// Whether this address may be written to once more. Who asks is told nothing of it.
    pub fn may_write_to(&self, mark: Mark) -> bool {
        self.mails.take(&mark).is_ok()
    }

    pub fn sweep(&self) {
        self.log_in_address.sweep();
        self.log_in_account.sweep();
        self.log_in_device.sweep();
        self.second_factor.sweep();
        self.registration.sweep();
        self.mails.sweep();
        self.reset.sweep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: an owner who is locked out of their account by what strangers try.
    #[test]
    fn a_device_that_is_known_is_not_kept_out_by_strangers() {
        let budgets = Budgets::new(&config::Budgets { log_in_account: 2, ..config::Budgets::default() });
        let address = |last: u8| Some(IpAddr::from([192, 0, 2, last]));
        let (mark, device) = ([7; 32], Some(Uuid::from_u128(1)));
        assert!(budgets.log_in(address(1), mark, None).is_ok());
        assert!(budgets.log_in(address(2), mark, None).is_ok());
        let exceeded = budgets.log_in(address(3), mark, None).expect_err("the third");
        assert_eq!(exceeded.budget.name, "log-in-account");
        assert!(budgets.log_in(address(3), mark, device).is_ok());
        assert!(budgets.log_in(address(3), [8; 32], None).is_ok(), "another account");
    }

    /// Catches: a stolen device from which guesses have no end.
    #[test]
    fn a_device_has_a_budget_of_its_own() {
        let budgets = Budgets::new(&config::Budgets { log_in_device: 2, ..config::Budgets::default() });
        let log_in = |device| budgets.log_in(None, [7; 32], Some(Uuid::from_u128(device)));
        assert!(log_in(1).is_ok() && log_in(1).is_ok());
        assert_eq!(log_in(1).expect_err("the third").budget.name, "log-in-device");
        assert!(log_in(2).is_ok(), "another device");
    }

    #[test]
    fn one_address_does_not_try_the_accounts_of_all() {
        let budgets = Budgets::new(&config::Budgets { log_in_address: 2, ..config::Budgets::default() });
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        let tried: Vec<bool> = (0..3).map(|n| budgets.log_in(address, [n; 32], None).is_ok()).collect();
        assert_eq!(tried, [true, true, false]);
    }
}
