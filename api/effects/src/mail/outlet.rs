//! Where mails are sent to: a mail server, or a folder.

use std::{
    error::Error,
    io, iter,
    path::{Path, PathBuf},
    time::Duration,
};

use daybook_core::entropy::new_id;
use daybook_projections::EffectError;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{
        self,
        client::{Certificate, Tls, TlsParameters},
    },
};
use tokio::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::AsyncWriteExt,
    time::timeout,
};
use url::Url;

use super::settings::MailSettingsError;

/// How long connecting to the mail server may take, s.
const CONNECT_TIMEOUT_SECS: u64 = 10;
/// How long sending one mail may take in all, s.
const SEND_TIMEOUT_SECS: u64 = 60;

pub enum Outlet {
    /// A connection for each mail. lettre's pool would take back a connection whose answer we didn't
    /// wait for, and the next mail would take the late answer for its own.
    Smtp(Box<AsyncSmtpTransport<Tokio1Executor>>),
    Folder(PathBuf),
}

impl Outlet {
    /// `ca_file` has certificates of authorities that are trusted beside those of the public web.
    pub fn smtp(url: &str, ca_file: Option<&Path>) -> Result<Self, MailSettingsError> {
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|_| MailSettingsError::SmtpUrl)?
            .timeout(Some(Duration::from_secs(CONNECT_TIMEOUT_SECS)));
        if let Some(ca_file) = ca_file {
            transport = transport.tls(trusting(url, ca_file)?);
        }
        Ok(Self::Smtp(Box::new(transport.build())))
    }

    /// Returns once the mail server has taken the mail over, or the file is safe on disk.
    pub async fn deliver(&self, message: &Message, file_name: &str) -> Result<(), EffectError> {
        let mail = message.formatted();
        match self {
            Self::Smtp(transport) => {
                let sending = transport.send_raw(message.envelope(), &mail);
                match timeout(Duration::from_secs(SEND_TIMEOUT_SECS), sending).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => Err(not_sent(&error)),
                    Err(_) => Err(EffectError::Retry("the mail server is too slow".into())),
                }
            }
            Self::Folder(folder) => store(folder, file_name, &mail)
                .await
                .map_err(|error| EffectError::Retry(format!("the mail can't be written to a file: {error}"))),
        }
    }
}

/// How the URL wants connections to be encrypted, with the authorities of the file.
fn trusting(url: &str, ca_file: &Path) -> Result<Tls, MailSettingsError> {
    let url = Url::parse(url).map_err(|_| MailSettingsError::SmtpUrl)?;
    let host = url.host_str().ok_or(MailSettingsError::SmtpUrl)?.to_owned();
    let wanted = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value);
    let tls = match (url.scheme(), wanted.as_deref()) {
        ("smtps", _) => Tls::Wrapper,
        (_, Some("required")) => Tls::Required,
        (_, Some("opportunistic")) => Tls::Opportunistic,
        _ => return Err(MailSettingsError::CaFileWithoutTls),
    };
    let unusable = |what: String| MailSettingsError::CaFile { file: ca_file.to_owned(), what };
    let text = std::fs::read_to_string(ca_file).map_err(|error| unusable(error.to_string()))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable("there is no certificate in it (PEM)".into()));
    }
    let authorities = Certificate::from_pem(text.as_bytes()).map_err(|error| unusable(error.to_string()))?;
    let parameters = TlsParameters::builder(host).add_root_certificate(authorities).build();
    parameters.map(tls).map_err(|error| unusable(error.to_string()))
}

/// Only the code of a reply is kept: its text can quote the address.
fn not_sent(error: &smtp::Error) -> EffectError {
    let Some(code) = error.status() else {
        let cause = cause(error);
        let what = if error.is_timeout() {
            "the mail server doesn't answer in time"
        } else if error.is_tls() || cause == Some(io::ErrorKind::InvalidData) {
            // The TLS library tells the runtime of a certificate that isn't trusted, and such, as of data that can't be used.
            "no encrypted connection to the mail server: is its certificate trusted?"
        } else if error.is_response() {
            "the mail server broke off or answered in no known way"
        } else if let Some(cause) = cause {
            return EffectError::Retry(format!("the mail server can't be reached: {cause}"));
        } else {
            "the mail server can't be reached or used"
        };
        return EffectError::Retry(what.into());
    };
    let text = format!("the mail server answered {code}");
    // Refused credentials are about us, not about this mail: an operator mends them.
    let about_us = matches!(u16::from(code), 530 | 534 | 535 | 538);
    if error.is_permanent() && !about_us { EffectError::GiveUp(text) } else { EffectError::Retry(text) }
}

/// What the system says of the connection, such as that it was refused.
fn cause(error: &smtp::Error) -> Option<io::ErrorKind> {
    let mut causes = iter::successors(error.source(), |&cause| cause.source());
    causes.find_map(|cause| cause.downcast_ref::<io::Error>().map(io::Error::kind))
}

/// Writes a file beside it and renames that, so that no reader ever sees half of it.
async fn store(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
    // Two tries can overlap, so each has a file of its own.
    let partial = folder.join(format!(".{name}.{}", new_id()));
    let written = write_new(&partial, bytes).await;
    let stored = match written {
        Ok(()) => fs::rename(&partial, folder.join(name)).await,
        Err(error) => Err(error),
    };
    if stored.is_err() {
        // What it failed for matters more than what is left behind.
        fs::remove_file(&partial).await.ok();
    }
    stored?;
    File::open(folder).await?.sync_all().await
}

async fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).await?;
    file.write_all(bytes).await?;
    file.sync_all().await
}
