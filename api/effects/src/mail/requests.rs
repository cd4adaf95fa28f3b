//! What a mail says that was asked for, or that someone asked for in its reader's name.

use daybook_core::identity::registering::ToWrite;

/// The subject and the text of a letter about what was asked.
pub fn letter(to_write: &ToWrite) -> (&'static str, String) {
    let salutation = |name: &Option<_>| match name {
        Some(name) => format!("Hello {name},\n\n"),
        None => "Hello,\n\n".to_owned(),
    };
    match to_write {
        ToWrite::AlreadyThere { name, url, .. } => (
            "You have an account already",
            format!(
                "{}someone has tried to register with this e-mail address, which belongs to your account. If that was \
                 you,\nyou need not register again. If you forgot your password, choose a new one here:\n\n\
                 {url}/account/forgotten\n\nIf it wasn't you, you need not do anything.\n",
                salutation(name)
            ),
        ),
        ToWrite::Reset { name, link, .. } => (
            "Choose a new password",
            format!(
                "{}you, or someone else, asked to choose a new password for your account. Follow this link to do \
                 so:\n\n{link}\n\nIf it wasn't you, you need not do anything: your password stays as it is.\n",
                salutation(name)
            ),
        ),
        ToWrite::Claim { name, order, link, .. } => (
            "Is this order yours?",
            format!(
                "{}someone who has an account here says that an order is theirs which was placed with this e-mail \
                 address:\n\n{order}\n\nIf that was you, log in to that account and follow this link. The order is in \
                 your account then:\n\n{link}\n\nIf it wasn't you, you need not do anything, and don't give the link to \
                 anyone.\n",
                salutation(name)
            ),
        ),
    }
}
