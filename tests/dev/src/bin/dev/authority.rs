//! The certificate of the door, and that of the authority which its clients trust. Both stay as long as the place.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

use crate::{
    failure::{About, Failure},
    place::{Place, write_private},
};

/// What the door is called by clients of this machine.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What clients trust.
pub fn ca_file(place: &Place) -> PathBuf {
    place.join("tls").join("ca.pem")
}

pub fn certificate_file(place: &Place) -> PathBuf {
    place.join("tls").join("door.pem")
}

pub fn key_file(place: &Place) -> PathBuf {
    place.join("tls").join("door.key")
}

/// Makes them if they are not there. The authority's key is kept nowhere, so it can't sign anything else.
pub fn create(place: &Place) -> Result<(), Failure> {
    let files = [ca_file(place), certificate_file(place), key_file(place)];
    if files.iter().all(|path| path.is_file()) {
        return Ok(());
    }
    let texts =
        issue().map_err(|error| Failure::new(format_args!("no certificate for the door: {error}")))?;
    for (path, text) in files.iter().zip(texts) {
        write_private(path, &text).about(path.display())?;
    }
    Ok(())
}

/// The authority's certificate, the door's and its key, in PEM.
fn issue() -> Result<[String; 3], rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "Daybook on this machine");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let mut door = CertificateParams::new(NAMES.map(str::to_owned))?;
    door.distinguished_name.push(DnType::CommonName, NAMES[0]);
    let key = KeyPair::generate()?;
    let certificate = door.signed_by(&key, &authority)?;
    Ok([authority.pem(), certificate.pem(), key.serialize_pem()])
}
