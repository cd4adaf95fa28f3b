//! What people call the programs that they log in with. Browsers send long names, in which each claims to be others, too.

/// A part of the name that a browser sends, and what the browser is called. The first that is there counts: Edge and Opera
/// claim to be Chrome, and all of those to be Safari.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
];

/// The same for what they run on: Android claims to be Linux.
const SYSTEMS: &[(&str, &str)] = &[
    ("Android", "Android"),
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
];

/// What the program is called that sends this name. One that is no browser is called as it calls itself.
pub fn known_as(user_agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        let found = known.iter().find(|(part, _)| user_agent.contains(part));
        found.map(|(_, name)| *name)
    };
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, _) => user_agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a browser that is taken for the one that it claims to be.
    #[test]
    fn browsers_are_called_as_people_call_them() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36";
        let on = |system: &str| chrome.replace("X11; Linux x86_64", system);
        for (name, expected) in [
            (chrome.to_owned(), "Chrome on Linux"),
            (format!("{} Edg/156.0.0.0", on("Windows NT 10.0; Win64; x64")), "Edge on Windows"),
            (on("Linux; Android 16; K"), "Chrome on Android"),
            ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15) Firefox/140.0".into(), "Firefox on macOS"),
            ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18 Safari/604.1".into(), "Safari on an iPhone"),
            ("curl/8.5.0".into(), "curl/8.5.0"),
        ] {
            assert_eq!(known_as(&name), expected, "{name}");
        }
    }
}
