//! The mail server here is a real socket that speaks SMTP (RFC 5321) and misbehaves on demand.

mod accounts;

use std::{collections::BTreeMap, path::PathBuf};

use chrono::DateTime;
use daybook_domain::{
    Event as _, Position,
    incoming::Incoming,
    money::{Currency, Money, Price},
    order::{self, CancelCause, Event, Parcel, Placement, total},
    stored::encode,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    task::JoinSet,
};

use super::*;

const ORDER: &str = "ord_0192abcd000070008000000000000001";

fn line(sku: &str, name: &str, quantity: i64, unit_price: i64) -> order::Line {
    order::Line {
        sku: sku.parse().expect("a SKU"),
        name: name.parse().expect("a name"),
        quantity: quantity.try_into().expect("a quantity"),
        unit_price: Price::try_from(Money::new(unit_price, Currency::EUR)).expect("a price"),
        list_price: None,
    }
}

fn placed(lines: Vec<order::Line>) -> Event {
    Event::Placed(Box::new(Placement {
        customer: Some("ada".parse().expect("a customer")),
        total: total(&lines, Currency::EUR).expect("a total"),
        lines,
        currency: Currency::EUR,
        override_reason: None,
        sealed_override_reason: None,
        contact: Some(Sealed { key_id: Uuid::nil(), data: String::new() }),
        ship_to: None,
        external_id: Some("W-1001".parse().expect("an id")),
        metadata: Default::default(),
        pay_until: None,
        terms: None,
        buyer: None,
    }))
}

fn stream(events: &[Event]) -> Vec<Record> {
    let record = |(index, event): (usize, &Event)| {
        let stored = encode(event);
        let number = u8::try_from(index).expect("a short stream") + 1;
        Record {
            position: Position(number.into()),
            event_id: Uuid::from_u128(number.into()),
            aggregate_type: Order::KIND.into(),
            aggregate_id: ORDER.into(),
            sequence: number.into(),
            event_type: event.name().into(),
            event_version: stored.version.to_string(),
            payload: serde_json::value::RawValue::from_string(stored.payload).expect("JSON"),
            metadata: BTreeMap::from([("request_id".into(), "req-42".into())]),
            recorded_at: DateTime::from_timestamp(1_700_000_000, 0).expect("a time"),
        }
    };
    events.iter().enumerate().map(record).collect()
}

fn tea() -> Event {
    placed(vec![line("TEA-1", "Earl Grey – 茶", 2, 499), line("CUP", "{{name}} <b>Cup</b>", 1, 1250)])
}

fn text(events: &[Event], kind: EffectKind) -> String {
    letter::compose(&stream(events), kind, None).expect("a letter").text("Ada Løvelace")
}

fn alice(name: &str) -> Contact {
    let email = Email::try_from("alice@example.com".to_owned()).expect("an address");
    Contact { name: name.parse().expect("a name"), email }
}

fn mail(name: &str) -> Message {
    let records = stream(&[tea()]);
    let letter = letter::compose(&records, EffectKind::MailOrderPlaced, None).expect("a letter");
    let from = "Tea House <orders@shop.example>".parse().expect("a mailbox");
    let alice = alice(name);
    let because = Because::of(&records[0]);
    message(&from, of_letter(&letter, &alice), &because, EffectKind::MailOrderPlaced).expect("a mail")
}

#[test]
fn a_mail_about_a_placed_order_says_what_was_ordered_and_what_it_costs() {
    let expected = "\
Hello Ada Løvelace,

thank you for your order. We have received it and will get it ready.

     2 x  Earl Grey – 茶
          TEA-1, 4.99 EUR each                                  9.98 EUR
     1 x  {{name}} <b>Cup</b>
          CUP, 12.50 EUR each                                  12.50 EUR
------------------------------------------------------------------------
Total                                                          22.48 EUR

Order      ord_0192abcd000070008000000000000001
Reference  W-1001
Placed     2023-11-14 22:13 UTC
";
    assert_eq!(text(&[tea()], EffectKind::MailOrderPlaced), expected);
}

/// Catches: a total that the lines above it don't come to.
#[test]
fn a_mail_says_what_the_taxes_are_above_or_below_the_total() {
    let taxed = |mode: &str, total: i64| {
        let Event::Placed(mut placement) = tea() else { panic!("it is placed") };
        let terms = serde_json::json!({
            "mode": mode, "tax_date": "2026-11-28", "country": "DE", "buyer": "consumer",
            "groups": [
                {"class": "standard", "rate_ppm": 190_000, "reason": "standard", "base": 1050, "tax": 200},
                {"class": "books", "rate_ppm": 70_000, "reason": "standard", "base": 933, "tax": 65},
                {"class": "gifts", "reason": "zero"},
            ],
            "lines": [{"group": 1, "pay": 998, "tax": 65}, {"pay": 1250, "tax": 200}], "tax": 265, "total": total,
        });
        placement.terms = Some(serde_json::from_value(terms).expect("terms"));
        placement.total = Money::new(total, Currency::EUR);
        let letter = text(&[Event::Placed(placement)], EffectKind::MailOrderPlaced);
        let from = letter.find("-----").expect("a rule");
        let to = letter.find("\nOrder ").expect("the number");
        let rows = letter[from..to].lines().skip(1).filter(|row| !row.is_empty());
        rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    assert_eq!(taxed("net", 2513), ["Tax 19 % 2.00 EUR", "Tax 7 % 0.65 EUR", "Total 25.13 EUR"]);
    assert_eq!(
        taxed("gross", 2248),
        ["Total 22.48 EUR", "Tax in it, 19 % 2.00 EUR", "Tax in it, 7 % 0.65 EUR"]
    );
}

#[test]
fn a_mail_about_a_shipment_names_the_pieces_of_that_shipment_only() {
    let parcel = |line, sku: &str, quantity| Parcel { line, sku: sku.parse().expect("a SKU"), quantity };
    let shipped = |parcels, tracking: Option<&str>, complete| Event::Shipped {
        parcels,
        tracking: tracking.map(|tracking| tracking.parse().expect("a reference")),
        sealed_tracking: None,
        complete,
    };
    let first = shipped(vec![parcel(0, "TEA-1", 1)], Some("DHL 1Z999"), false);
    let second = shipped(vec![parcel(0, "TEA-1", 1), parcel(1, "CUP", 1)], None, true);

    let partly = text(&[tea(), Event::Confirmed {}, first.clone()], EffectKind::MailOrderShipped);
    assert!(partly.contains("     1 x  Earl Grey – 茶\n          TEA-1\n"), "{partly}");
    assert!(partly.contains("Tracking   DHL 1Z999\n") && partly.contains("will follow"), "{partly}");
    assert!(!partly.contains("CUP") && !partly.contains("EUR"), "{partly}");

    let rest = text(&[tea(), Event::Confirmed {}, first, second], EffectKind::MailOrderShipped);
    assert!(rest.contains("CUP") && rest.contains("complete"), "{rest}");
    assert!(!rest.contains("Tracking"), "{rest}");
}

#[test]
fn a_mail_about_a_cancellation_gives_the_reason_that_the_customer_gave() {
    let mail = |reason: Option<&str>, actor: Option<&str>| {
        let reason = reason.map(|reason| reason.parse().expect("a reason"));
        let cancelled = Event::Cancelled { cause: None, reason, sealed_reason: None };
        let mut records = stream(&[tea(), cancelled]);
        records[1].metadata.extend(actor.map(|actor| ("actor".to_owned(), actor.to_owned())));
        letter::compose(&records, EffectKind::MailOrderCancelled, None)
            .expect("a letter")
            .text("Ada Løvelace")
    };
    let with = mail(Some("out of tea"), Some("ada"));
    assert!(with.contains("was cancelled") && with.contains("Reason: out of tea\n"), "{with}");
    assert!(!mail(None, Some("ada")).contains("Reason"));
    // What the shop says among itself stays there.
    for actor in [Some("sam"), None] {
        let internal = mail(Some("looks like fraud"), actor);
        assert!(internal.contains("was cancelled") && !internal.contains("fraud"), "{internal}");
    }
}

#[test]
fn a_mail_about_an_order_that_was_not_paid_says_so() {
    let cause = Some(CancelCause::Unpaid);
    let ended = Event::Cancelled { cause, reason: None, sealed_reason: None };
    let mail = letter::compose(&stream(&[tea(), ended]), EffectKind::MailOrderCancelled, None);
    let mail = mail.expect("a letter").text("Ada Løvelace");
    assert!(mail.contains("was not paid in time") && mail.contains("TEA"), "{mail}");
}

#[test]
fn a_kind_that_does_not_fit_the_event_is_refused() {
    let records = stream(&[tea()]);
    assert!(letter::compose(&records, EffectKind::MailOrderShipped, None).is_err());
    assert!(letter::compose(&stream(&[Event::Confirmed {}]), EffectKind::MailOrderPlaced, None).is_err());
    assert!(letter::compose(&[], EffectKind::MailOrderPlaced, None).is_err());
}

/// Catches: an address that comes in at the door and that no mail can be written to.
#[test]
fn an_address_that_is_taken_is_one_for_the_mailer() {
    let mut taken = 0;
    let characters = (0..0x1_0000).filter_map(char::from_u32);
    for text in characters
        .flat_map(|c| [format!("a{c}b@example.com"), format!("a@x{c}y.example"), format!("{c}@b.example")])
    {
        let Some(email) = Email::try_from(text).ok().and_then(|email| email.take().ok()) else { continue };
        taken += 1;
        let wire = email.on_the_wire().expect("its domain is there");
        assert!(wire.parse::<Address>().is_ok(), "{}", wire.escape_unicode());
    }
    assert!(taken > 50_000, "{taken}");
}

#[test]
fn headers_are_the_same_on_each_try() {
    let mail = String::from_utf8(mail("Ada Løvelace").formatted()).expect("ASCII");
    assert!(mail.is_ascii());
    let (headers, _) = mail.split_once("\r\n\r\n").expect("a body");
    for header in [
        "Message-ID: <00000000-0000-0000-0000-000000000001.mail.order_placed@shop.example>",
        "Date: Tue, 14 Nov 2023 22:13:20 +0000",
        "Auto-Submitted: auto-generated",
        "X-Request-Id: req-42",
        "Subject: Order received: ord_0192abcd000070008000000000000001",
        "Content-Type: text/plain; charset=utf-8",
        "From: \"Tea House\" <orders@shop.example>",
        "MIME-Version: 1.0",
    ] {
        assert!(headers.lines().any(|line| line == header), "{header} is not in\n{headers}");
    }
    assert!(headers.contains("<alice@example.com>") && !headers.contains("Løvelace"), "{headers}");
    assert_eq!(mail.as_bytes(), super::tests::mail("Ada Løvelace").formatted());
}

#[test]
fn a_name_that_looks_like_headers_stays_a_name() {
    let mail = String::from_utf8(mail("x\" <eve@evil.example>, Bcc: eve@evil.example").formatted());
    let mail = mail.expect("ASCII");
    let (headers, _) = mail.split_once("\r\n\r\n").expect("a body");
    assert!(!headers.lines().any(|line| line.to_lowercase().starts_with("bcc")), "{headers}");
    let to: Vec<&str> = headers.lines().filter(|line| line.contains('@')).collect();
    assert!(to.iter().any(|line| line.ends_with("<alice@example.com>")), "{headers}");
    // A break in front of a header is what the domain's types refuse.
    assert!("Ada\r\nBcc: eve@evil.example".parse::<daybook_domain::text::ProductName>().is_err());
}

/// How the mail server behaves.
#[derive(Clone, Copy, PartialEq)]
enum Manner {
    Polite,
    /// Answers to RCPT with this.
    Recipient(&'static str),
    /// Answers to the final dot with this.
    Content(&'static str),
    /// Takes the mail and hangs up without a word.
    HangsUpAfterTheDot,
    /// Greets with this and hangs up.
    Greeting(&'static str),
}

struct Server {
    url: String,
    /// What was sent between DATA and the dot, each try.
    received: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Server {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("smtp://{}", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let mails = received.clone();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A client that hangs up early is no failure of the server.
                serve(socket, manner, &mails).await.ok();
            }
        });
        Self { url, received, _serving: serving }
    }

    async fn try_to_deliver(&self) -> Result<(), EffectError> {
        let outlet = Outlet::smtp(&self.url, None).expect("a URL");
        outlet.deliver(&mail("Ada"), "unused").await
    }
}

async fn serve(socket: TcpStream, manner: Manner, mails: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut socket = BufReader::new(socket);
    if let Manner::Greeting(greeting) = manner {
        return socket.write_all(format!("{greeting}\r\n").as_bytes()).await;
    }
    socket.write_all(b"220 test\r\n").await?;
    let mut command = String::new();
    while socket.read_line(&mut command).await? > 0 {
        let answer = match command.get(..4).unwrap_or("").to_uppercase().as_str() {
            "RCPT" if let Manner::Recipient(refusal) = manner => refusal,
            "DATA" => {
                socket.write_all(b"354 go on\r\n").await?;
                let mut mail = String::new();
                while !mail.ends_with("\r\n.\r\n") {
                    socket.read_line(&mut mail).await?;
                }
                mails.lock().await.push(mail);
                match manner {
                    Manner::HangsUpAfterTheDot => return Ok(()),
                    Manner::Content(refusal) => refusal,
                    _ => "250 taken",
                }
            }
            "QUIT" => return socket.write_all(b"221 bye\r\n").await,
            _ => "250 fine",
        };
        socket.write_all(format!("{answer}\r\n").as_bytes()).await?;
        command.clear();
    }
    Ok(())
}

#[tokio::test]
async fn a_polite_server_gets_the_mail() {
    let server = Server::start(Manner::Polite).await;
    server.try_to_deliver().await.expect("delivered");
    let received = server.received.lock().await;
    assert_eq!(received.len(), 1);
    assert!(received[0].contains("Message-ID: <") && received[0].contains("22.48 EUR"));
}

#[tokio::test]
async fn a_permanent_refusal_is_given_up_and_quotes_no_address() {
    let server = Server::start(Manner::Recipient("550 5.1.1 <alice@example.com> unknown")).await;
    let Err(EffectError::GiveUp(reason)) = server.try_to_deliver().await else { panic!("not given up") };
    assert!(reason.contains("550") && !reason.contains("alice"), "{reason}");
    let server = Server::start(Manner::Content("554 5.7.1 spam")).await;
    assert!(matches!(server.try_to_deliver().await, Err(EffectError::GiveUp(_))));
}

#[tokio::test]
async fn a_transient_refusal_is_tried_again() {
    for manner in
        [Manner::Recipient("450 4.2.1 later"), Manner::Content("451 later"), Manner::Greeting("421 full")]
    {
        let server = Server::start(manner).await;
        assert!(matches!(server.try_to_deliver().await, Err(EffectError::Retry(_))));
    }
}

#[tokio::test]
async fn whoever_hangs_up_after_the_final_dot_is_sent_the_same_mail_again() {
    let server = Server::start(Manner::HangsUpAfterTheDot).await;
    for _ in 0..2 {
        assert!(matches!(server.try_to_deliver().await, Err(EffectError::Retry(_))));
    }
    let received = server.received.lock().await;
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], received[1]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("smtp://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let delivered = Outlet::smtp(&url, None).expect("a URL").deliver(&mail("Ada"), "unused").await;
    assert!(matches!(delivered, Err(EffectError::Retry(_))));
}

#[tokio::test]
async fn a_url_that_is_none_is_refused_without_its_password() {
    let error = Outlet::smtp("gopher://bob:hunter2@host", None).err().expect("refused").to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_file_of_authorities_that_is_none_is_refused_by_its_name() {
    let folder = std::env::temp_dir();
    for (url, file) in [("smtp://host", "any.pem"), ("smtps://bob:hunter2@host", "not-there.pem")] {
        let error = Outlet::smtp(url, Some(&folder.join(file))).err().expect("refused").to_string();
        assert!(error.starts_with("mail.ca_file") && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_mail_becomes_one_file_however_often_it_is_sent() {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::env::temp_dir().join(format!("daybook-mail-{}", daybook_core::entropy::new_id()));
    let outlet = Outlet::Folder(folder.join("deep").join("mail"));
    let name = file_name(Uuid::from_u128(1), EffectKind::MailOrderPlaced);
    for _ in 0..2 {
        outlet.deliver(&mail("Ada"), &name).await.expect("written");
    }
    let folder_of_mails = folder.join("deep").join("mail");
    let names: Vec<String> = std::fs::read_dir(&folder_of_mails)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .collect();
    assert_eq!(names, ["00000000-0000-0000-0000-000000000001.mail.order_placed.eml"]);
    let mode = std::fs::metadata(&folder_of_mails).expect("a folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    assert_eq!(std::fs::read(folder_of_mails.join(&names[0])).expect("a file"), mail("Ada").formatted());
    std::fs::remove_dir_all(folder).expect("removed");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_tried_again() {
    let outlet = Outlet::Folder(PathBuf::from("/dev/null/mail"));
    assert!(matches!(outlet.deliver(&mail("Ada"), "x.eml").await, Err(EffectError::Retry(_))));
}
