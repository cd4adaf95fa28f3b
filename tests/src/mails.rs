//! Mails that were written to a folder, and the links in them.

use std::path::Path;

/// Every mail in a folder, headers and all, in the order in which they were written.
pub fn mails_in(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut mails: Vec<_> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "eml"))
        .collect();
    mails.sort();
    mails.iter().map(|path| std::fs::read_to_string(path).expect("a mail")).collect()
}

/// What the links in those mails to this address have behind `#token=` whose text has `what`.
pub fn links_in(mails: &[String], email: &str, what: &str) -> Vec<String> {
    let are_it = mails.iter().filter(|mail| mail.contains(email) && mail.contains(what));
    let link = |mail: &String| {
        let mail = plain(mail);
        let token = mail.split("#token=").nth(1).unwrap_or_else(|| panic!("no link in {mail}"));
        token.split_whitespace().next().expect("a token").to_owned()
    };
    are_it.map(link).collect()
}

/// A mail without the marks of its encoding (RFC 2045, section 6.7).
fn plain(mail: &str) -> String {
    mail.replace("=\r\n", "").replace("=\n", "").replace("=3D", "=")
}
