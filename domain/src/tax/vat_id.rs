//! The numbers by which businesses are known for the value added tax, and the states that share it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    contact::Country,
    incoming::{Incoming, Unfit},
};

/// Two letters of a country, and 2 to 14 of `0–9 A–Z + *`. Only its form is known, never whether it was given to a
/// business, or to which one. What comes in is checked against the form that its member state gives.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VatId(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a VAT id is two letters of a country and 2 to 14 letters and digits, such as DE123456789")]
pub struct InvalidVatId;

/// A state of the European Union.
#[derive(Debug)]
pub struct MemberState {
    /// ISO 3166-1 alpha-2.
    pub country: &'static str,
    /// What VAT ids of this state begin with.
    prefix: &'static str,
    /// Forms of what follows: `9` is a digit, `A` a letter, `?` a digit or the end, `X` a letter or a digit, and `I` what
    /// Ireland has had at one place of old ones. Others stand for themselves.
    forms: &'static [&'static str],
}

const fn state(country: &'static str, forms: &'static [&'static str]) -> MemberState {
    MemberState { country, prefix: country, forms }
}

/// The member states in the order of their codes. All of each country counts: what the law takes out of the area of the
/// tax, such as the Canary Islands, or adds to it, such as Monaco, is not known here.
pub const MEMBER_STATES: &[MemberState] = &[
    state("AT", &["U99999999"]),
    state("BE", &["0999999999", "1999999999"]),
    state("BG", &["999999999?"]),
    state("CY", &["99999999A"]),
    state("CZ", &["99999999??"]),
    state("DE", &["999999999"]),
    state("DK", &["99999999"]),
    state("EE", &["999999999"]),
    state("ES", &["A9999999X", "99999999A"]),
    state("FI", &["99999999"]),
    state("FR", &["XX999999999"]),
    MemberState { country: "GR", prefix: "EL", forms: &["999999999"] },
    state("HR", &["99999999999"]),
    state("HU", &["99999999"]),
    state("IE", &["9999999A", "9999999AA", "9I99999A"]),
    state("IT", &["99999999999"]),
    state("LT", &["999999999", "999999999999"]),
    state("LU", &["99999999"]),
    state("LV", &["99999999999"]),
    state("MT", &["99999999"]),
    state("NL", &["999999999B99"]),
    state("PL", &["9999999999"]),
    state("PT", &["999999999"]),
    state("RO", &["99????????"]),
    state("SE", &["999999999999"]),
    state("SI", &["99999999"]),
    state("SK", &["9999999999"]),
];

impl MemberState {
    pub fn of(country: &Country) -> Option<&'static Self> {
        MEMBER_STATES.iter().find(|state| state.country == country.as_str())
    }

    fn has_form(&self, number: &str) -> bool {
        self.forms.iter().any(|form| fits(number.as_bytes(), form.as_bytes()))
    }
}

fn fits(number: &[u8], form: &[u8]) -> bool {
    let fits = |byte: u8, sign: u8| match sign {
        b'9' | b'?' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_uppercase(),
        b'X' => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        b'I' => byte.is_ascii_uppercase() || matches!(byte, b'+' | b'*'),
        _ => byte == sign,
    };
    let is_whole = form.iter().skip(number.len()).all(|sign| *sign == b'?');
    number.len() <= form.len() && is_whole && number.iter().zip(form).all(|(byte, sign)| fits(*byte, *sign))
}

impl VatId {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The member state whose businesses have such ids, if it is one.
    pub fn member_state(&self) -> Option<&'static MemberState> {
        MEMBER_STATES.iter().find(|state| self.0.starts_with(state.prefix))
    }
}

/// Spaces, dots and dashes are left out, and small letters become large ones.
impl TryFrom<String> for VatId {
    type Error = InvalidVatId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_part = |c: &char| !matches!(c, ' ' | '.' | '-');
        let id: String = text.chars().filter(is_part).map(|c| c.to_ascii_uppercase()).collect();
        let is_allowed =
            |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'*');
        let has_country = id.bytes().take(2).all(|byte| byte.is_ascii_uppercase());
        if (4..=16).contains(&id.len()) && has_country && id.bytes().all(is_allowed) {
            Ok(Self(id))
        } else {
            Err(InvalidVatId)
        }
    }
}

impl Incoming for VatId {
    fn take(self) -> Result<Self, Unfit> {
        match self.member_state() {
            Some(state) if !state.has_form(&self.0[state.prefix.len()..]) => {
                Err(Unfit("not a VAT id: what follows the country has not the form of that state's ids"))
            }
            _ => Ok(self),
        }
    }
}

impl From<VatId> for String {
    fn from(id: VatId) -> Self {
        id.0
    }
}

impl fmt::Display for VatId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Result<VatId, InvalidVatId> {
        text.to_owned().try_into()
    }

    fn taken(text: &str) -> bool {
        id(text).is_ok_and(|id| id.take().is_ok())
    }

    #[test]
    fn there_are_27_member_states() {
        let codes: Vec<&str> = MEMBER_STATES.iter().map(|state| state.country).collect();
        assert_eq!(codes.len(), 27);
        assert!(codes.is_sorted());
        for code in codes {
            let country = Country::try_from(code.to_owned()).expect("a code").take().expect("it is assigned");
            assert_eq!(MemberState::of(&country).expect("a member").country, code);
        }
        for other in ["GB", "CH", "NO", "AX", "MC", "GP"] {
            assert!(
                MemberState::of(&Country::try_from(other.to_owned()).expect("a code")).is_none(),
                "{other}"
            );
        }
    }

    /// One of each form, made up.
    #[test]
    fn ids_have_the_form_of_their_state() {
        for good in [
            "ATU12345678",
            "BE0123456789",
            "BE1123456789",
            "BG123456789",
            "BG1234567890",
            "CY12345678L",
            "CZ12345678",
            "CZ123456789",
            "CZ1234567890",
            "DE123456789",
            "DK12345678",
            "EE123456789",
            "ESA1234567B",
            "ESA12345678",
            "ES12345678B",
            "FI12345678",
            "FRAB123456789",
            "FR12123456789",
            "EL123456789",
            "HR12345678901",
            "HU12345678",
            "IE1234567A",
            "IE1234567AB",
            "IE1A23456B",
            "IE1+23456B",
            "IE1*23456B",
            "IT12345678901",
            "LT123456789",
            "LT123456789012",
            "LU12345678",
            "LV12345678901",
            "MT12345678",
            "NL123456789B01",
            "PL1234567890",
            "PT123456789",
            "RO12",
            "RO1234567890",
            "SE123456789012",
            "SI12345678",
            "SK1234567890",
        ] {
            assert!(taken(good), "{good}");
        }
        for bad in [
            "AT12345678",
            "ATU1234567",
            "BE2123456789",
            "BE123456789",
            "CY123456789",
            "CZ1234567",
            "DE12345678",
            "DE1234567890",
            "DE12345678A",
            "ES123456789",
            "FR1234567890",
            "GR123456789",
            "IE12345678",
            "LT1234567890",
            "NL123456789C01",
            "NL123456789B1",
            "RO12345678901",
            "SE1234567890",
        ] {
            assert_eq!(bad.starts_with("GR"), taken(bad), "{bad}");
        }
    }

    #[test]
    fn an_id_is_known_by_its_prefix() {
        let state = |text: &str| id(text).expect("an id").member_state().map(|state| state.country);
        assert_eq!(state("EL123456789"), Some("GR"));
        assert_eq!(state("DE123456789"), Some("DE"));
        for other in ["GB123456789", "CHE123456789", "XI123456789", "GR123456789", "NO123456789MVA"] {
            assert_eq!(state(other), None, "{other}");
            assert!(taken(other), "its form is not known: {other}");
        }
    }

    #[test]
    fn an_id_is_written_in_one_way() {
        let written = |text: &str| id(text).expect("an id").to_string();
        assert_eq!(written("de 123 456 789"), "DE123456789");
        assert_eq!(written("CHE-123.456.789 MWST"), "CHE123456789MWST");
        for bad in ["", "DE", "DE1", "D1234", "123456789", "DE123456789012345", "DE12345678é", "DE12/34"] {
            assert_eq!(id(bad), Err(InvalidVatId), "{bad:?}");
        }
    }

    /// A form that changes must not make unreadable what was stored.
    #[test]
    fn an_id_of_another_form_can_be_read() {
        let stored: VatId = serde_json::from_str(r#""DE1234""#).expect("it is read");
        assert_eq!(stored.as_str(), "DE1234");
        assert!(stored.take().is_err());
    }
}
