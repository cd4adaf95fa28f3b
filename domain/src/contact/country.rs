//! Countries: two capital letters of ISO 3166-1.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::incoming::{Incoming, Unfit};

/// Two capital letters. Those that come in are assigned to a country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(String);

#[derive(Debug, thiserror::Error)]
#[error("not a country code of ISO 3166-1 alpha-2, such as DE")]
pub struct InvalidCountry;

/// The codes of ISO 3166-1 alpha-2 that are officially assigned.
const ASSIGNED: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER \
    ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM \
    IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF \
    MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK \
    PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD \
    TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

impl Country {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Country {
    type Error = InvalidCountry;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 2 && text.bytes().all(|c| c.is_ascii_uppercase()) {
            Ok(Self(text))
        } else {
            Err(InvalidCountry)
        }
    }
}

impl FromStr for Country {
    type Err = InvalidCountry;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl Incoming for Country {
    fn take(self) -> Result<Self, Unfit> {
        if ASSIGNED.split_ascii_whitespace().any(|code| code == self.0) {
            Ok(self)
        } else {
            Err(Unfit("not a country code of ISO 3166-1 alpha-2, such as DE"))
        }
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_assigned_code_is_there_once() {
        let codes: Vec<&str> = ASSIGNED.split_ascii_whitespace().collect();
        assert_eq!(codes.len(), 249);
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 249);
        assert!(codes.is_sorted());
    }

    #[test]
    fn a_code_that_nobody_has_is_stored_but_not_taken() {
        for code in ["XX", "XK", "EU", "UK", "ZZ"] {
            let country = Country::try_from(code.to_owned()).expect("two letters");
            assert!(country.take().is_err(), "{code}");
        }
        assert!(Country::try_from("de".to_owned()).is_err());
        assert!(Country::try_from("DE".to_owned()).expect("two letters").take().is_ok());
    }
}
