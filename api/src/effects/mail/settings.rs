//! Where mails come from and where they go, as it is configured.

use std::path::PathBuf;

/// Where mails come from and where they go.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// `Name <address>`.
    pub from: String,
    /// `smtp://` or `smtps://`, as lettre reads it. Without it, mails become files in `dir`.
    pub smtp_url: Option<String>,
    pub dir: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    #[error("mail_from is not of the form Name <address>")]
    From,
    /// The URL is left out: it can contain a password.
    #[error("smtp_url is not of the form smtps://user:password@host")]
    SmtpUrl,
}
