//! The addresses at which Daybook listens: the usual ones, unless another program has them.

use std::{
    env, fs,
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use crate::{
    failure::{Failure, say},
    place::Place,
};

/// Each listener with its usual port, and the variable that asks for another address.
const LISTENERS: [(&str, u16, &str); 4] = [
    ("api", 8080, "DAYBOOK_API_LISTEN"),
    ("admin", 8081, "DAYBOOK_ADMIN_LISTEN"),
    ("telemetry", 8082, "DAYBOOK_TELEMETRY_LISTEN"),
    ("door", 2113, "DAYBOOK_DOOR__LISTEN"),
];
/// What is tried instead of a usual port.
const OTHERS: std::ops::Range<u16> = 8083..8200;
const TO_ANSWER: Duration = Duration::from_secs(2);

/// Notes an address for each listener.
pub fn choose(place: &Place) -> Result<(), Failure> {
    for (name, ..) in LISTENERS {
        let _ = fs::remove_file(place.run(&format!("{name}.listen")));
    }
    let mut chosen = Vec::new();
    for (name, usual, variable) in LISTENERS {
        let listen = match env::var(variable).ok().filter(|address| !address.is_empty()) {
            Some(address) => usable(variable, &address)?,
            None => {
                let port = choose_port(usual, &chosen, is_taken)
                    .ok_or_else(|| Failure::new("no free port between 8083 and 8200"))?;
                if port != usual {
                    say(format_args!(
                        "Port {usual} is taken by another program: {name} listens on {port} instead."
                    ));
                }
                format!("127.0.0.1:{port}")
            }
        };
        place.note(&format!("{name}.listen"), &listen)?;
        chosen.push(listen);
    }
    Ok(())
}

/// The address that a variable asks for, with a free port in place of 0. Daybook itself refuses what is no address.
fn usable(variable: &str, asked: &str) -> Result<String, Failure> {
    let Ok(address) = asked.parse::<SocketAddr>() else { return Ok(asked.to_owned()) };
    let bound = TcpListener::bind(address).and_then(|listener| listener.local_addr());
    bound
        .map(|address| address.to_string())
        .map_err(|error| Failure::new(format_args!("{variable} asks for {asked}, {}", what_helps(&error))))
}

fn what_helps(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            "which is taken: stop the program that listens there, or ask for another port".into()
        }
        ErrorKind::AddrNotAvailable => "and this machine has no such address: ask for one of its own".into(),
        ErrorKind::PermissionDenied => "which needs more rights: ask for a port above 1023".into(),
        _ => format!("where nothing can listen: {error}"),
    }
}

/// The usual port, or the first other one that is neither taken nor chosen for another listener.
fn choose_port(usual: u16, chosen: &[String], is_taken: impl Fn(u16) -> bool) -> Option<u16> {
    if !is_taken(usual) {
        return Some(usual);
    }
    let is_chosen = |port: u16| chosen.iter().any(|address| address.ends_with(&format!(":{port}")));
    OTHERS.into_iter().find(|port| !is_taken(*port) && !is_chosen(*port))
}

/// Whether a program listens there, whatever becomes of the connection.
fn is_taken(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    match TcpStream::connect_timeout(&address, TO_ANSWER) {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::ConnectionRefused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_port_is_chosen_if_nobody_has_it() {
        assert_eq!(choose_port(8080, &[], |_| false), Some(8080));
    }

    #[test]
    fn a_taken_port_is_replaced_by_one_that_no_other_listener_has() {
        let is_taken = |port| [8081, 8083].contains(&port);
        let chosen = ["127.0.0.1:8084".to_owned()];
        assert_eq!(choose_port(8081, &chosen, is_taken), Some(8085));
    }

    #[test]
    fn an_address_that_was_asked_for_and_is_taken_is_refused() {
        let other = TcpListener::bind("127.0.0.1:0").expect("a port");
        let taken = other.local_addr().expect("an address").to_string();
        let refused = usable("DAYBOOK_API_LISTEN", &taken).expect_err("it is taken").to_string();
        let wanted = format!("DAYBOOK_API_LISTEN asks for {taken}, which is taken: stop the program");
        assert!(refused.starts_with(&wanted), "{refused}");
        drop(other);
        assert_eq!(usable("DAYBOOK_API_LISTEN", &taken).expect("it is free"), taken);
    }

    /// Catches: a note of port 0, by which nothing is found.
    #[test]
    fn port_0_is_replaced_by_a_free_one() {
        let address = usable("DAYBOOK_API_LISTEN", "127.0.0.1:0").expect("a port is free");
        assert_ne!(address.parse::<SocketAddr>().expect("an address").port(), 0);
    }

    /// 192.0.2.0/24 is for documents (RFC 5737), so no machine has an address in it.
    #[test]
    fn an_address_of_another_machine_is_refused() {
        let refused = usable("DAYBOOK_ADMIN_LISTEN", "192.0.2.1:8081").expect_err("it isn't ours");
        assert!(refused.to_string().contains("this machine has no such address"), "{refused}");
    }

    #[test]
    fn no_port_is_chosen_if_all_are_taken() {
        assert_eq!(choose_port(8082, &[], |port| port < 8200), None);
    }
}
