//! Keys that are kept in files. In development a missing one is made at random, readable by its owner only.

use std::{
    fs, io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::{config::Config, entropy};

/// The name of a key that was made for development starts so; production refuses such a file.
pub const DEVELOPMENT_PREFIX: &str = "development-";

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("cannot read or write the key {path}: {source}")]
    File { path: PathBuf, source: io::Error },
    #[error("the key {path} can be read by others than its owner: chmod 600 it")]
    Exposed { path: PathBuf },
    #[error("{0}")]
    Unusable(&'static str),
}

/// The key that wraps the keys of persons.
pub fn master_key(config: &Config) -> Result<[u8; 32], KeyError> {
    let text = match &config.vault.master_key {
        Some(key) => key.expose().to_owned(),
        None => development_key(config, "master.key", || STANDARD.encode(rand::random::<[u8; 32]>()))?,
    };
    let key: [u8; 32] = STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(KeyError::Unusable("setting vault.master_key: is 32 random bytes in base64"))?;
    if config.is_production() && distinct_bytes(&key) < 12 {
        return Err(KeyError::Unusable("setting vault.master_key: is not random"));
    }
    Ok(key)
}

/// The content of `{home}/keys/development-{name}`, made by `make` if it is not there.
pub fn development_key(config: &Config, name: &str, make: impl Fn() -> String) -> Result<String, KeyError> {
    if config.is_production() {
        return Err(KeyError::Unusable("outside development, keys must be configured"));
    }
    let path = config.home.join("keys").join(format!("{DEVELOPMENT_PREFIX}{name}"));
    let failed = |source| KeyError::File { path: path.clone(), source };
    if !path.exists() {
        create(&path, &make()).map_err(failed)?;
    }
    read(&path)
}

/// The content of a key file. Only its owner may be able to read it.
pub fn read(path: &Path) -> Result<String, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed { path: path.to_owned() });
    }
    fs::read_to_string(path).map_err(failed)
}

/// Appears whole or not at all, and never over another: two processes may start at once.
fn create(path: &Path, content: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".{}", entropy::new_id().simple()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let linked = io::Write::write_all(&mut file, content.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn distinct_bytes(bytes: &[u8]) -> usize {
    let mut sorted = bytes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}
