//! What can be wrong with the settings of mails.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum MailSettingsError {
    #[error("mail.from is not of the form Name <address>")]
    From,
    /// The URL is left out: it can contain a password.
    #[error("mail.smtp_url is not of the form smtps://user:password@host")]
    SmtpUrl,
    #[error("mail.ca_file, {}: {what}", file.display())]
    CaFile { file: PathBuf, what: String },
    #[error("mail.ca_file is of no use: mail.smtp_url asks for no encryption (smtps://, or ?tls=required)")]
    CaFileWithoutTls,
}
