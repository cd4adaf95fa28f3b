//! What can be wrong with the settings of mails.

#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    #[error("mail.from is not of the form Name <address>")]
    From,
    /// The URL is left out: it can contain a password.
    #[error("mail.smtp_url is not of the form smtps://user:password@host")]
    SmtpUrl,
}
