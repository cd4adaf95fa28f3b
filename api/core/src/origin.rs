//! Which address a request comes from. A connection says that by itself; behind proxies that are trusted, their
//! headers do.

use std::net::{IpAddr, SocketAddr};

use crate::config::Networks;

/// Where a request comes from whose connection comes from `peer`. `lines` are all values that a header has, in order;
/// one that isn't ASCII is `None`.
pub fn of<'a, L: Iterator<Item = Option<&'a str>>>(
    peer: IpAddr,
    trusted: &Networks,
    lines: impl Fn(&'static str) -> L,
) -> IpAddr {
    let peer = peer.to_canonical();
    if trusted.contain(peer) { behind(peer, trusted, lines) } else { peer }
}

/// The client behind the trusted proxy `peer`. Every proxy adds the address that it was asked from, at the end, so
/// what is true is at the end, and the client itself may have written the rest.
fn behind<'a, L: Iterator<Item = Option<&'a str>>>(
    peer: IpAddr,
    trusted: &Networks,
    lines: impl Fn(&'static str) -> L,
) -> IpAddr {
    let forwarded = hops(lines("forwarded"), forwarded_for);
    let x_forwarded = hops(lines("x-forwarded-for"), |field| field.split(',').map(address).collect());
    let client = |hops: &[Option<IpAddr>]| last_untrusted(peer, hops, trusted);
    match (forwarded.is_empty(), x_forwarded.is_empty()) {
        (true, true) => peer,
        (false, true) => client(&forwarded),
        (true, false) => client(&x_forwarded),
        (false, false) => {
            // A proxy that writes one of them may pass on the other as its client wrote it.
            let (one, other) = (client(&forwarded), client(&x_forwarded));
            if one == other { one } else { peer }
        }
    }
}

/// The last address that isn't a trusted proxy's. Where one is not told, it is the proxy which didn't tell it that is
/// known.
fn last_untrusted(peer: IpAddr, hops: &[Option<IpAddr>], trusted: &Networks) -> IpAddr {
    let mut known = peer;
    for hop in hops.iter().rev() {
        match hop {
            None => return known,
            Some(address) => known = *address,
        }
        if !trusted.contain(known) {
            break;
        }
    }
    known
}

/// What `read` finds in all lines of a header. What isn't ASCII tells nothing.
fn hops<'a>(
    lines: impl Iterator<Item = Option<&'a str>>,
    read: impl Fn(&str) -> Vec<Option<IpAddr>>,
) -> Vec<Option<IpAddr>> {
    lines.flat_map(|line| line.map_or(vec![None], &read)).collect()
}

/// The `for` of each element (RFC 7239, section 4).
fn forwarded_for(field: &str) -> Vec<Option<IpAddr>> {
    let of_element = |element: &str| {
        let pairs = split(element, ';').into_iter().filter_map(|pair| pair.split_once('='));
        let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        match (named.next(), named.next()) {
            (Some((_, value)), None) => address(&unquoted(value.trim())),
            _ => None,
        }
    };
    split(field, ',').into_iter().map(of_element).collect()
}

/// The parts between separators that aren't quoted.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (vec![], 0, false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            other if other == separator && !is_quoted => {
                parts.push(&text[start..index]);
                start = index + separator.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace('\\', ""),
        None => value.to_owned(),
    }
}

/// An address, with or without a port and the brackets of IPv6. `None`: hidden, unknown, or none at all.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn client(lines: &[(&str, &str)]) -> String {
        let trusted = "10.0.0.0/8, fd00::/8".parse().expect("networks");
        let lines =
            |name| lines.iter().filter(move |(other, _)| *other == name).map(|(_, value)| Some(*value));
        of(PROXY.parse().expect("an address"), &trusted, lines).to_string()
    }

    #[test]
    fn the_client_is_the_last_one_that_is_no_trusted_proxy() {
        for (value, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
            ("203.0.113.9, 192.0.2.1, 10.0.0.2, fd00::2", "192.0.2.1"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("192.0.2.1, nonsense, 10.0.0.2", "10.0.0.2"),
            ("192.0.2.1,", PROXY),
            ("", PROXY),
        ] {
            assert_eq!(client(&[("x-forwarded-for", value)]), expected, "{value}");
        }
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client(&lines), "192.0.2.1");
        assert_eq!(client(&[]), PROXY);
    }

    #[test]
    fn forwarded_is_read_as_its_standard_says() {
        for (value, expected) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:80\";proto=https;by=10.0.0.1", "192.0.2.1"),
            ("for=203.0.113.9, for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=192.0.2.1;host=\"a,b;for=203.0.113.9\"", "192.0.2.1"),
            ("for=192.0.2.1;host=\"a\\\",for=203.0.113.9\"", "192.0.2.1"),
            ("for=192.0.2.1, for=10.0.0.2", "192.0.2.1"),
            ("for=192.0.2.1, for=unknown", PROXY),
            ("for=192.0.2.1, for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("for=192.0.2.1;for=203.0.113.9", PROXY),
            ("proto=https", PROXY),
        ] {
            assert_eq!(client(&[("forwarded", value)]), expected, "{value}");
        }
    }

    /// Catches: a client that writes the header which its proxy doesn't.
    #[test]
    fn of_two_headers_that_differ_none_is_believed() {
        let lines = |forwarded, other| client(&[("forwarded", forwarded), ("x-forwarded-for", other)]);
        assert_eq!(lines("for=192.0.2.1", "192.0.2.1"), "192.0.2.1");
        assert_eq!(lines("for=203.0.113.9", "192.0.2.1"), PROXY);
    }
}
