//! Passwords: hashed with Argon2id (RFC 9106), a bounded number of them at a time, and never for nothing: a log-in
//! costs the same whether there is such an account or not.

use std::{
    fmt,
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash,
};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::{Deserialize, Deserializer, de::Error as _};
use tokio::{
    sync::Semaphore,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use unicode_normalization::UnicodeNormalization;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, ObjectBuilder, RefOr, SchemaFormat,
        schema::{Schema, Type},
    },
};
use zxcvbn::{Score, zxcvbn};

use super::{hashers::Hashers, secrets::random};
use crate::{config, metrics::PASSWORD_HASHES};

/// What OWASP asks for at least: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const MIN_CHARS: usize = 8;
const MAX_CHARS: usize = 256;
/// The strength of more characters is not looked at: it is enough, and looking takes longer with each of them.
const LOOKED_AT_CHARS: usize = 72;

/// A password as it came in: 8 to 256 characters without control characters, in NFC (RFC 8265, OpaqueString).
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("********")
    }
}

impl Password {
    fn new(text: &str) -> Result<Self, &'static str> {
        let text: String = text.nfc().collect();
        let fits = (MIN_CHARS..=MAX_CHARS).contains(&text.chars().count());
        if fits && !text.chars().any(char::is_control) {
            Ok(Self(text))
        } else {
            Err("a password has 8 to 256 characters, and no control characters")
        }
    }
}

impl TryFrom<&str> for Password {
    type Error = &'static str;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(D::Error::custom)
    }
}

impl PartialSchema for Password {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .min_length(Some(MIN_CHARS))
            .max_length(Some(MAX_CHARS))
            .pattern(Some(r"^[^\x00-\x1F\x7F-\x9F]*$"))
            .examples(["correct horse battery staple"])
            .into()
    }
}

impl ToSchema for Password {}

/// Why a password can't be used, in words for its owner.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Weak(pub String);

/// Why a password was not hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unhashed {
    /// As many wait already as may.
    Busy,
    /// Its turn did not come in time.
    Late,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    pub fits: bool,
    /// It fits, and was hashed with other parameters than today's.
    pub is_outdated: bool,
}

pub struct Passwords {
    hasher: Argon2<'static>,
    /// The hash of a password that no account has, which is compared with where there is none.
    nobodys: Arc<str>,
    hashers: Hashers,
    /// As many as there are hashers.
    places: Arc<Semaphore>,
    /// Those that wait included.
    queue: Arc<Semaphore>,
    min_score: u8,
    leaked: Option<Leaked>,
}

impl Passwords {
    pub fn new(settings: &config::Passwords) -> io::Result<Self> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("they are within Argon2's bounds");
        let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobodys = hash(&hasher, &random::<32>());
        Ok(Self {
            hasher,
            nobodys: nobodys.into(),
            hashers: Hashers::start(settings.concurrency)?,
            places: Arc::new(Semaphore::new(settings.concurrency)),
            queue: Arc::new(Semaphore::new(settings.concurrency + settings.max_waiting)),
            min_score: settings.min_strength,
            leaked: settings.leaked_file.as_deref().map(Leaked::open).transpose()?,
        })
    }

    /// Refuses a password that others would guess, or that is known to have been stolen somewhere. `about` are
    /// words that belong to its owner.
    pub async fn check_strength(
        self: &Arc<Self>,
        password: &Password,
        about: Vec<String>,
    ) -> Result<(), Weak> {
        let (this, password) = (Arc::clone(self), password.clone());
        spawn_blocking(move || this.strength(&password, &about))
            .await
            .expect("it is not cancelled and doesn't panic")
    }

    fn strength(&self, password: &Password, about: &[String]) -> Result<(), Weak> {
        let text: String = password.0.chars().take(LOOKED_AT_CHARS).collect();
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        let entropy = zxcvbn(&text, &about);
        if entropy.score() < score(self.min_score) {
            let feedback = entropy.feedback();
            let warning = feedback.and_then(|feedback| feedback.warning()).map(|warning| warning.to_string());
            let hint = feedback.and_then(|feedback| feedback.suggestions().first().map(ToString::to_string));
            let said: Vec<String> = warning.into_iter().chain(hint).collect();
            return Err(Weak(
                format!("the password would be guessed soon. {}", said.join(" ")).trim_end().to_owned(),
            ));
        }
        match &self.leaked {
            Some(leaked) if leaked.has(&password.0) => {
                Err(Weak("the password is on a list of stolen ones: choose another".into()))
            }
            _ => Ok(()),
        }
    }

    /// The hash of a password, with its parameters (the PHC string format).
    pub async fn hash(&self, password: &Password, deadline: Instant) -> Result<String, Unhashed> {
        let (hasher, password) = (self.hasher.clone(), password.clone());
        self.run(deadline, move || hash(&hasher, password.0.as_bytes())).await
    }

    /// The hash of a password that is told to none, for an account whose owner is still to choose one.
    pub fn nobodys(&self) -> &str {
        &self.nobodys
    }

    /// Whether `password` is the one that `stored` is the hash of. Without one to compare with, it takes as long.
    pub async fn check(
        &self,
        password: &Password,
        stored: Option<String>,
        deadline: Instant,
    ) -> Result<Checked, Unhashed> {
        let (hasher, nobodys, password) = (self.hasher.clone(), Arc::clone(&self.nobodys), password.clone());
        self.run(deadline, move || {
            let is_there = stored.is_some();
            let text = stored.as_deref().unwrap_or(&nobodys);
            let Ok(hash) = PasswordHash::new(text) else {
                return Checked { fits: false, is_outdated: false };
            };
            let fits = hasher.verify_password(password.0.as_bytes(), &hash).is_ok() && is_there;
            let is_todays = Params::try_from(&hash).is_ok_and(|params| {
                (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
            });
            Checked { fits, is_outdated: fits && !is_todays }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unhashed> {
        let _waiting = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| Unhashed::Busy)?;
        let place = timeout_at(deadline, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| Unhashed::Late)?.expect("it is never closed");
        PASSWORD_HASHES.inc();
        // The place is given back when the work is done, also if its caller is gone.
        let work = move || {
            let done = work();
            drop(place);
            done
        };
        Ok(self.hashers.run(work).await)
    }
}

fn hash(hasher: &Argon2<'_>, password: &[u8]) -> String {
    hasher.hash_password(password).expect("what is within bounds can be hashed").to_string()
}

fn score(number: u8) -> Score {
    match number {
        0 => Score::Zero,
        1 => Score::One,
        2 => Score::Two,
        3 => Score::Three,
        _ => Score::Four,
    }
}

/// A file of the operator's: SHA-1 hashes of stolen passwords as 40 hexadecimal digits, one in a line, sorted. What
/// comes behind a colon in a line is not looked at.
struct Leaked {
    file: Mutex<File>,
    length: u64,
    path: PathBuf,
}

impl Leaked {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file: Mutex::new(file), length, path: path.to_owned() })
    }

    fn has(&self, password: &str) -> bool {
        let hash: String = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes())
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect();
        self.find(&hash).unwrap_or_else(|error| {
            tracing::warn!(%error, file = %self.path.display(), "the list of stolen passwords can't be read");
            false
        })
    }

    /// Halves the file until the line is found in which the hash would be.
    fn find(&self, hash: &str) -> io::Result<bool> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let middle = low.midpoint(high);
            let (begin, line) = line_at(&mut file, middle)?;
            let known = line.split(':').next().unwrap_or_default().trim().to_ascii_uppercase();
            match known.as_str().cmp(hash) {
                std::cmp::Ordering::Equal => return Ok(true),
                std::cmp::Ordering::Less => low = begin + line.len() as u64 + 1,
                std::cmp::Ordering::Greater => high = begin,
            }
        }
        Ok(false)
    }
}

/// The line that this place of the file is in, and where it begins. Lines have at most 100 bytes.
fn line_at(file: &mut File, place: u64) -> io::Result<(u64, String)> {
    const LONGEST: usize = 100;
    let from = place.saturating_sub(LONGEST as u64);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(2 * LONGEST as u64).read_to_end(&mut bytes)?;
    let at = usize::try_from(place - from).unwrap_or(LONGEST);
    let begin = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| at + end);
    Ok((from + begin as u64, String::from_utf8_lossy(&bytes[begin..end]).into_owned()))
}

#[cfg(test)]
mod tests {
    use tokio::{join, time::Duration};

    use super::*;

    /// Catches: a client that had no time for it, and is told that the server is overloaded.
    #[tokio::test]
    async fn who_has_no_time_is_told_so_and_who_is_one_too_many_is_turned_away() {
        let settings = config::Passwords { concurrency: 1, max_waiting: 1, ..config::Passwords::default() };
        let passwords = Passwords::new(&settings).unwrap();
        let password = Password::try_from("violet harbour stairs").unwrap();
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
        let (first, second, third) = join!(
            passwords.hash(&password, later),
            passwords.hash(&password, now),
            passwords.hash(&password, later)
        );
        assert!(first.is_ok());
        assert_eq!((second, third), (Err(Unhashed::Late), Err(Unhashed::Busy)));
    }
}
