//! What can be set of the mirror, and how it is told where the other system is.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use daybook_domain::settings::{Span, any, between};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use url::Url;

use super::secret::{Secret, SecretUrl};

daybook_domain::settings! {
    /// The mirror, which appends public events to another system that speaks the protocol of EventStoreDB
    /// (EventStoreDB, KurrentDB), in a process with the role `mirror`. It is experimental.
    pub struct Mirror {
        /// The other system. Its user appends to streams and reads them. `tls=false` sends everything in the clear, the
        /// password too.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<ConnectionString> = None, any("esdb://user:password@host:2113?tls=true&tlsCAFile=/path/ca.pem, with one host").optional();
        /// Streams that are appended to at the same time.
        lanes: usize = 16, between(1, 256);
        /// How long the other system may take to answer one call.
        timeout: Span = Span::seconds(10), between(Span::millis(100), Span::minutes(2));
    }
}

/// The port if none is named.
const PORT: u16 = 2113;
/// They differ in their name only.
const SCHEMES: [&str; 3] = ["esdb", "kurrentdb", "kdb"];

/// Where the other system is, and as whom it is spoken to, as clients of EventStoreDB are told it. When it is shown, its
/// password is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionString {
    text: SecretUrl,
    /// With brackets, if it is an address of IPv6.
    pub host: String,
    pub port: u16,
    pub credentials: Option<Credentials>,
    pub tls: Tls,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub user: String,
    pub password: Secret,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Everything is sent in the clear.
    Off,
    /// Certificates are trusted that an authority of the public web has signed.
    Web,
    /// Certificates are trusted that an authority of this file has signed (PEM).
    Authority(PathBuf),
}

/// What is wrong with a connection string. The string itself is never quoted: it has a password.
#[derive(Debug, thiserror::Error)]
pub enum BadConnectionString {
    #[error("is not of the form esdb://user:password@host:2113?tls=true")]
    Form,
    #[error("names several hosts or a cluster to be discovered; the mirror takes one host, the leader's")]
    SeveralHosts,
    #[error("names a user or a password, but not both")]
    HalfCredentials,
    #[error("the parameter {0} is given twice")]
    Twice(String),
    #[error("the parameter {0} is not known; there are tls, tlsCAFile and tlsVerifyCert")]
    Unknown(String),
    #[error("the parameter {0} is true or false")]
    NotABool(&'static str),
    #[error("the parameter tlsVerifyCert may only be true: a certificate is always looked at")]
    Unverified,
    #[error("the parameter tlsCAFile is of no use with tls=false")]
    CaFileWithoutTls,
}

impl FromStr for ConnectionString {
    type Err = BadConnectionString;

    fn from_str(text: &str) -> Result<Self, BadConnectionString> {
        use BadConnectionString::{Form, HalfCredentials, SeveralHosts};
        let (scheme, rest) = text.split_once("://").ok_or(Form)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
        if scheme.ends_with("+discover") || hosts.contains(',') {
            return Err(SeveralHosts);
        }
        let url = Url::parse(text).map_err(|_| Form)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(Form)?;
        let is_whole = matches!(url.path(), "" | "/") && url.fragment().is_none();
        if !SCHEMES.contains(&url.scheme()) || !is_whole {
            return Err(Form);
        }
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            ("", Some(_)) | (_, None) => return Err(HalfCredentials),
            (user, Some(password)) => {
                let password = Secret::from(decoded(password)?.as_str());
                Some(Credentials { user: decoded(user)?, password })
            }
        };
        Ok(Self {
            text: SecretUrl::from(text),
            host: host.to_owned(),
            port: url.port().unwrap_or(PORT),
            credentials,
            tls: tls(&url)?,
        })
    }
}

fn decoded(text: &str) -> Result<String, BadConnectionString> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| BadConnectionString::Form)?;
    Ok(decoded.into_owned())
}

/// Clients don't look at the case of the names of parameters.
fn tls(url: &Url) -> Result<Tls, BadConnectionString> {
    let mut given = BTreeMap::new();
    // In a path, unlike in a form, a plus sign is one.
    for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if given.insert(name.to_lowercase(), decoded(value)?).is_some() {
            return Err(BadConnectionString::Twice(name.to_owned()));
        }
    }
    let mut flag = |name: &'static str| match given.remove(&name.to_lowercase()) {
        None => Ok(true),
        Some(value) => value.to_lowercase().parse().map_err(|_| BadConnectionString::NotABool(name)),
    };
    let (is_on, is_verified) = (flag("tls")?, flag("tlsVerifyCert")?);
    let ca_file = given.remove("tlscafile");
    if let Some(name) = given.into_keys().next() {
        return Err(BadConnectionString::Unknown(name));
    }
    match (is_on, ca_file) {
        (true, _) if !is_verified => Err(BadConnectionString::Unverified),
        (true, Some(file)) => Ok(Tls::Authority(file.into())),
        (true, None) => Ok(Tls::Web),
        (false, None) => Ok(Tls::Off),
        (false, Some(_)) => Err(BadConnectionString::CaFileWithoutTls),
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Serialize for ConnectionString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ConnectionString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ConnectionString, String> {
        text.parse().map_err(|error: BadConnectionString| error.to_string())
    }

    #[test]
    fn a_connection_string_is_read_as_clients_read_it() {
        let file = Tls::Authority("/etc/c++/ca.pem".into());
        for (text, host, port, user, tls) in [
            ("esdb://ann:p%40ss@db.example:2114?tls=true", "db.example", 2114, Some("ann"), Tls::Web),
            (
                "kurrentdb://ann:p%40ss@db.example/?TLSVERIFYCERT=true",
                "db.example",
                2113,
                Some("ann"),
                Tls::Web,
            ),
            ("esdb://a%3An:p%40ss@[::1]:1?tlscafile=%2Fetc/c++/ca.pem", "[::1]", 1, Some("a:n"), file),
            ("kdb://127.0.0.1:2113?tls=False", "127.0.0.1", 2113, None, Tls::Off),
        ] {
            let read = read(text).expect(text);
            assert_eq!((read.host.as_str(), read.port, read.tls), (host, port, tls), "{text}");
            let credentials = read.credentials.as_ref();
            assert_eq!(credentials.map(|credentials| credentials.user.as_str()), user, "{text}");
            assert!(credentials.is_none_or(|credentials| credentials.password.expose() == "p@ss"), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_without_its_text() {
        for (text, why) in [
            ("hunter2", "is not of the form"),
            ("https://ann:hunter2@db", "is not of the form"),
            ("esdb://ann:hunter2@", "is not of the form"),
            ("esdb://ann:hunter2@db:many", "is not of the form"),
            ("esdb://ann:hunter2@db/streams", "is not of the form"),
            ("esdb://ann:hunter2@db#x", "is not of the form"),
            ("esdb://ann:hunter2@a:1,b:2", "names several hosts"),
            ("esdb+discover://ann:hunter2@db", "names several hosts"),
            ("esdb://hunter2@db", "not both"),
            ("esdb://:hunter2@db", "not both"),
            ("esdb://ann:hunter2@db?tls=true&TLS=false", "TLS is given twice"),
            ("esdb://ann:hunter2@db?nodePreference=leader", "nodepreference is not known; there are tls,"),
            ("esdb://ann:hunter2@db?keepAliveInterval=10000", "keepaliveinterval is not known"),
            ("esdb://ann:hunter2@db?tls=yes", "tls is true or false"),
            ("esdb://ann:hunter2@db?tlsVerifyCert=false", "tlsVerifyCert may only be true"),
            ("esdb://ann:hunter2@db?tls=false&tlsCAFile=/ca.pem", "tlsCAFile is of no use"),
        ] {
            let refused = read(text).expect_err(text);
            assert!(refused.contains(why) && !refused.contains("hunter2"), "{text}: {refused}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let read = read("esdb://ann:hunter2@db:2113?tls=true").expect("valid");
        let shown = format!("{read:?} {}", serde_json::to_string(&read).expect("text"));
        assert!(!shown.contains("hunter2") && shown.contains("ann") && shown.contains("db:2113"), "{shown}");
    }
}
