//! Networks of addresses, as settings name them.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Any number of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Networks(Vec<Network>);

/// All addresses that begin with the same bits (RFC 4632, RFC 4291).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    /// How many bits are the same.
    bits: u8,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "a network is an address and the number of its first bits that count, such as 10.0.0.0/8 or fd00::/8"
)]
pub struct NotANetwork;

impl Networks {
    /// An address of IPv4 is the same when it is written as one of IPv6.
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                let differs = bits_of(self.first) ^ bits_of(address);
                differs.leading_zeros() >= self.bits.into()
            }
            _ => false,
        }
    }
}

/// The bits of an address, from the highest one of the number on.
fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    /// An address alone is the network that has no other one.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.map_or(Ok(most), str::parse).map_err(|_| NotANetwork)?;
        // What is set behind the bits that count is a typing mistake.
        let rest = bits_of(first).checked_shl(bits.into()).unwrap_or(0);
        if bits > most || rest != 0 { Err(NotANetwork) } else { Ok(Self { first, bits }) }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.bits)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Networks {
    type Err = NotANetwork;

    /// With commas between them.
    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for Networks {
    /// A list, or text with commas.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            List(Vec<String>),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Text(text) => text,
            Written::List(names) => names.join(","),
        };
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contain(networks: &str, address: &str) -> bool {
        let networks: Networks = networks.parse().expect("networks");
        networks.contain(address.parse().expect("an address"))
    }

    #[test]
    fn a_network_has_the_addresses_that_begin_as_it_does() {
        for (networks, address) in [
            ("10.0.0.0/8", "10.255.255.255"),
            ("192.0.2.7", "192.0.2.7"),
            ("0.0.0.0/0", "203.0.113.1"),
            ("fd00::/8, 127.0.0.0/8", "127.0.0.1"),
            ("fd00::/8", "fdff::1"),
            ("::/0", "2001:db8::1"),
            ("127.0.0.0/8", "::ffff:127.0.0.1"),
        ] {
            assert!(contain(networks, address), "{networks} {address}");
        }
        for (networks, address) in [
            ("", "127.0.0.1"),
            ("10.0.0.0/8", "11.0.0.0"),
            ("192.0.2.7/32", "192.0.2.6"),
            ("0.0.0.0/0", "::1"),
            ("::/0", "127.0.0.1"),
            ("fd00::/9", "fd80::1"),
        ] {
            assert!(!contain(networks, address), "{networks} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in
            ["10.0.0.0/33", "10.0.0.1/8", "::/129", "proxy", "10.0.0.0/", "10.0.0.0/x", "/8", "10.0.0/8"]
        {
            assert!(bad.parse::<Networks>().is_err(), "{bad}");
        }
    }
}
