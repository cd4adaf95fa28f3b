//! Mails to customers. The content is gathered from the order's stream as it was at the event, so a
//! mail that is sent late or twice says the same.
//!
//! A repeat has the same Message-ID, by which mail programs recognise it. Addresses and names appear in
//! no log line and no error: a mail server's reply can quote them, so only its code is kept.

mod letter;
mod outlet;
mod settings;

use std::path::PathBuf;

use daybook_core::{
    config,
    vault::{Vault, VaultError},
};
use daybook_domain::{Decider, Record, contact::Contact, order::Order, reactions::EffectKind};
use daybook_projections::{ClaimedEffect, EffectError, Log};
use letter::Letter;
use lettre::{
    Address, Message,
    message::{
        Mailbox, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use outlet::Outlet;
use tracing::{debug, info};
use uuid::Uuid;

pub use settings::MailSettingsError;

/// RFC 3834: keeps automatic replies from being sent.
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
/// The id of the request that caused the event.
const REQUEST_ID: HeaderName = HeaderName::new_from_ascii_str("X-Request-Id");

/// Writes and sends the mails of orders.
pub struct Mailer {
    log: Log,
    vault: Vault,
    from: Mailbox,
    outlet: Outlet,
}

impl Mailer {
    /// Connects to nothing yet. Without a mail server, mails become files in `folder`.
    pub fn new(
        log: Log,
        vault: Vault,
        settings: &config::Mail,
        folder: PathBuf,
    ) -> Result<Self, MailSettingsError> {
        let from = settings.from.parse().map_err(|_| MailSettingsError::From)?;
        let outlet = match &settings.smtp_url {
            Some(url) => Outlet::smtp(url.expose(), settings.ca_file.as_deref())?,
            None => Outlet::Folder(folder),
        };
        Ok(Self { log, vault, from, outlet })
    }

    pub async fn perform(&self, effect: &ClaimedEffect) -> Result<(), EffectError> {
        let records = self
            .log
            .stream(Order::KIND, &effect.target, Some(effect.position))
            .await
            .map_err(|error| EffectError::Retry(format!("the order can't be read: {error}")))?;
        let Some(record) = records.last().filter(|record| record.event_id == effect.event_id) else {
            return Err(EffectError::GiveUp("the log has another event at this position".into()));
        };
        let note = match letter::sealed_note(record).map_err(EffectError::GiveUp)? {
            Some(note) => self.vault.open::<String>(&note).await.map_err(|error| unopened(&error))?,
            None => None,
        };
        let letter = letter::compose(&records, effect.kind, note.as_deref()).map_err(EffectError::GiveUp)?;
        let Some(sealed) = &letter.contact else {
            debug!(event_id = %effect.event_id, kind = effect.kind.as_str(), "nobody to write to");
            return Ok(());
        };
        let Some(contact) = self.vault.open::<Contact>(sealed).await.map_err(|error| unopened(&error))?
        else {
            info!(event_id = %effect.event_id, kind = effect.kind.as_str(), "not written: erased");
            return Ok(());
        };
        let message = message(&self.from, &contact, &letter, record, effect.kind)?;
        self.outlet.deliver(&message, &file_name(effect.event_id, effect.kind)).await?;
        info!(
            event_id = %effect.event_id,
            kind = effect.kind.as_str(),
            request_id = record.request_id(),
            attempt = effect.attempt,
            "mail sent"
        );
        Ok(())
    }
}

fn unopened(error: &VaultError) -> EffectError {
    let text = format!("what is sealed can't be opened: {error}");
    match error {
        VaultError::Database(_) | VaultError::Contended => EffectError::Retry(text),
        VaultError::NotAuthentic | VaultError::Shape => EffectError::GiveUp(text),
    }
}

fn message(
    from: &Mailbox,
    contact: &Contact,
    letter: &Letter,
    record: &Record,
    kind: EffectKind,
) -> Result<Message, EffectError> {
    let unusable = |_| EffectError::GiveUp("the contact's address can't be used in a mail".into());
    let email = contact.email.on_the_wire().unwrap_or_else(|| contact.email.to_string());
    let address: Address = email.parse().map_err(unusable)?;
    let message_id = format!("<{}.{}@{}>", record.event_id, kind.as_str(), from.email.domain());
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(Some(contact.name.to_string()), address))
        .subject(letter.subject.clone())
        .message_id(Some(message_id))
        .date(record.recorded_at.into())
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".into()))
        .raw_header(HeaderValue::new(REQUEST_ID, record.request_id().to_owned()))
        .singlepart(SinglePart::plain(letter.text(contact.name.as_str())))
        .map_err(|_| EffectError::GiveUp("the mail can't be built".into()))
}

/// The Message-ID without its domain: a repeat overwrites the file instead of adding another.
fn file_name(event_id: Uuid, kind: EffectKind) -> String {
    format!("{event_id}.{}.eml", kind.as_str())
}

#[cfg(test)]
mod tests;
