//! Mails to customers. The content is gathered from the stream of the order or the account as it was at the event, so a
//! mail that is sent late or twice says the same.
//!
//! A repeat has the same Message-ID, by which mail programs recognise it. Addresses and names appear in
//! no log line and no error: a mail server's reply can quote them, so only its code is kept.

mod accounts;
mod letter;
mod outlet;
mod requests;
mod settings;

use std::{path::PathBuf, sync::Arc};

use accounts::What;
use chrono::{DateTime, Utc};
use daybook_core::{
    config,
    identity::{registering::ToWrite, verification::VerificationLinks},
    vault::{Vault, VaultError},
};
use daybook_domain::{
    Decider, Record,
    account::Account,
    contact::{Contact, Email},
    order::Order,
    reactions::EffectKind,
    sealed::Sealed,
    text::Line,
};
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
use serde::de::DeserializeOwned;
use tracing::{debug, info};
use uuid::Uuid;

pub use settings::MailSettingsError;

/// RFC 3834: keeps automatic replies from being sent.
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");
/// The id of the request that caused the event.
const REQUEST_ID: HeaderName = HeaderName::new_from_ascii_str("X-Request-Id");

/// Writes and sends the mails of orders and of accounts.
pub struct Mailer {
    log: Log,
    vault: Vault,
    links: Arc<dyn VerificationLinks>,
    from: Mailbox,
    outlet: Outlet,
}

/// A mail before it is put into its form.
struct Draft<'a> {
    email: &'a Email,
    name: Option<&'a str>,
    subject: &'a str,
    text: String,
}

/// Why a mail is sent.
struct Because<'a> {
    /// The id of the event, or of the effect that none proposed.
    id: Uuid,
    /// Empty, if it is not told.
    request_id: &'a str,
    /// `None`: now.
    at: Option<DateTime<Utc>>,
}

impl Mailer {
    /// Connects to nothing yet. Without a mail server, mails become files in `folder`.
    pub fn new(
        log: Log,
        vault: Vault,
        links: Arc<dyn VerificationLinks>,
        settings: &config::Mail,
        folder: PathBuf,
    ) -> Result<Self, MailSettingsError> {
        let from = settings.from.parse().map_err(|_| MailSettingsError::From)?;
        let outlet = match &settings.smtp_url {
            Some(url) => Outlet::smtp(url.expose(), settings.ca_file.as_deref())?,
            None => Outlet::Folder(folder),
        };
        Ok(Self { log, vault, links, from, outlet })
    }

    pub async fn write_of_order(&self, effect: &ClaimedEffect) -> Result<(), EffectError> {
        let records = self.stream::<Order>(effect).await?;
        let record = last(&records, effect)?;
        let note = match letter::sealed_note(record).map_err(EffectError::GiveUp)? {
            Some(note) => self.open::<String>(&note).await?,
            None => None,
        };
        let letter = letter::compose(&records, effect.kind, note.as_deref()).map_err(EffectError::GiveUp)?;
        let Some(sealed) = &letter.contact else { return nobody(effect) };
        let Some(contact) = self.open::<Contact>(sealed).await? else { return erased(effect) };
        self.send(of_letter(&letter, &contact), record, effect).await
    }

    pub async fn write_of_account(&self, effect: &ClaimedEffect) -> Result<(), EffectError> {
        let records = self.stream::<Account>(effect).await?;
        let record = last(&records, effect)?;
        let Some(news) = accounts::news(&records, effect.kind).map_err(EffectError::GiveUp)? else {
            return nobody(effect);
        };
        let Some(email) = self.open::<Email>(&news.email).await? else { return erased(effect) };
        let name = match &news.name {
            Some(name) => self.open::<Line<1, 200>>(name).await?,
            None => None,
        };
        let link = match news.what {
            What::Verify(address) => {
                let account = effect.target.parse().map_err(|_| no_account())?;
                let Some(link) = self.links.verification(account, address).await? else {
                    return settled(effect);
                };
                Some(link)
            }
            _ => None,
        };
        let name = name.as_ref().map(Line::as_str);
        let time = record.recorded_at.format("%Y-%m-%d %H:%M UTC").to_string();
        let text = news.what.text(name, link.as_deref(), &time);
        self.send(Draft { email: &email, name, subject: news.what.subject(), text }, record, effect).await
    }

    /// The stream as it was at the event.
    async fn stream<D: Decider>(&self, effect: &ClaimedEffect) -> Result<Vec<Record>, EffectError> {
        let read = self.log.stream(D::KIND, &effect.target, Some(effect.position)).await;
        read.map_err(|error| EffectError::Retry(format!("the {} can't be read: {error}", D::KIND)))
    }

    /// `None`, if the person's key was thrown away.
    async fn open<T: DeserializeOwned>(&self, sealed: &Sealed) -> Result<Option<T>, EffectError> {
        self.vault.open(sealed).await.map_err(|error| unopened(&error))
    }

    async fn send(
        &self,
        draft: Draft<'_>,
        record: &Record,
        effect: &ClaimedEffect,
    ) -> Result<(), EffectError> {
        let because = Because::of(record);
        self.deliver(draft, &because, effect).await
    }

    /// A letter to someone who asked for it, or in whose name someone asked.
    pub async fn write_of_request(
        &self,
        to_write: &ToWrite,
        effect: &ClaimedEffect,
    ) -> Result<(), EffectError> {
        let (ToWrite::AlreadyThere { email, name, .. }
        | ToWrite::Reset { email, name, .. }
        | ToWrite::Claim { email, name, .. }) = to_write;
        let (subject, text) = requests::letter(to_write);
        let draft = Draft { email, name: name.as_ref().map(Line::as_str), subject, text };
        self.deliver(draft, &Because { id: effect.event_id, request_id: "", at: None }, effect).await
    }

    async fn deliver(
        &self,
        draft: Draft<'_>,
        because: &Because<'_>,
        effect: &ClaimedEffect,
    ) -> Result<(), EffectError> {
        let message = message(&self.from, draft, because, effect.kind)?;
        self.outlet.deliver(&message, &file_name(effect.event_id, effect.kind)).await?;
        info!(
            event_id = %effect.event_id,
            kind = effect.kind.as_str(),
            request_id = because.request_id,
            attempt = effect.attempt,
            "mail sent"
        );
        Ok(())
    }
}

impl<'a> Because<'a> {
    fn of(record: &'a Record) -> Self {
        Self { id: record.event_id, request_id: record.request_id(), at: Some(record.recorded_at) }
    }
}

fn of_letter<'a>(letter: &'a Letter, contact: &'a Contact) -> Draft<'a> {
    let name = contact.name.as_str();
    Draft { email: &contact.email, name: Some(name), subject: &letter.subject, text: letter.text(name) }
}

fn last<'a>(records: &'a [Record], effect: &ClaimedEffect) -> Result<&'a Record, EffectError> {
    let record = records.last().filter(|record| record.event_id == effect.event_id);
    record.ok_or_else(|| EffectError::GiveUp("the log has another event at this position".into()))
}

fn no_account() -> EffectError {
    EffectError::GiveUp("its target is not an account's id".into())
}

fn nobody(effect: &ClaimedEffect) -> Result<(), EffectError> {
    debug!(event_id = %effect.event_id, kind = effect.kind.as_str(), "nobody to write to");
    Ok(())
}

fn settled(effect: &ClaimedEffect) -> Result<(), EffectError> {
    debug!(event_id = %effect.event_id, kind = effect.kind.as_str(), "not written: the address doesn't wait");
    Ok(())
}

fn erased(effect: &ClaimedEffect) -> Result<(), EffectError> {
    info!(event_id = %effect.event_id, kind = effect.kind.as_str(), "not written: erased");
    Ok(())
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
    draft: Draft<'_>,
    because: &Because<'_>,
    kind: EffectKind,
) -> Result<Message, EffectError> {
    let unusable = |_| EffectError::GiveUp("the contact's address can't be used in a mail".into());
    let email = draft.email.on_the_wire().unwrap_or_else(|| draft.email.to_string());
    let address: Address = email.parse().map_err(unusable)?;
    let message_id = format!("<{}.{}@{}>", because.id, kind.as_str(), from.email.domain());
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(draft.name.map(str::to_owned), address))
        .subject(draft.subject)
        .message_id(Some(message_id))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".into()));
    let builder = match because.at {
        Some(at) => builder.date(at.into()),
        None => builder.date_now(),
    };
    let builder = match because.request_id {
        "" => builder,
        id => builder.raw_header(HeaderValue::new(REQUEST_ID, id.to_owned())),
    };
    builder
        .singlepart(SinglePart::plain(draft.text))
        .map_err(|_| EffectError::GiveUp("the mail can't be built".into()))
}

/// The Message-ID without its domain: a repeat overwrites the file instead of adding another.
fn file_name(event_id: Uuid, kind: EffectKind) -> String {
    format!("{event_id}.{}.eml", kind.as_str())
}

#[cfg(test)]
mod tests;
