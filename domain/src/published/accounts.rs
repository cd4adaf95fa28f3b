//! What others are told of accounts. The ids of addresses, passwords, second factors and of log-ins elsewhere stay inside:
//! they name rows with secrets, and mean nothing to anyone else.

use serde_json::{Value, json};

use super::{
    fields::{Field, Shape, sealed, text},
    public_type::{PublicType, as_stored},
};

const EMAIL: Field = sealed("email", "The e-mail address, sealed.");
const NAME: Field = sealed("name", "The person's name, sealed, if it is known.").optional();
const FACTOR: Field = text("kind", "`totp`, `passkey` or `recovery_codes`.");
const PROVIDER: Field = text("provider", "The name of the issuer, as this server has it.");
const ROLE: Field = text("role", "The name of the role.");
const REASON: Field = sealed("reason", "Why, sealed.");

pub(super) const TYPES: &[PublicType] = &[
    PublicType {
        adapt: Some(|event| name_items(event, "roles", "role")),
        ..as_stored(
            "AccountRegistered",
            "account.registered",
            "A person has registered. They can log in when the address is verified. The stream's id is the account's.",
            &[EMAIL, NAME, Field::new("roles", Shape::Objects(&[ROLE]), "The roles that it begins with.")],
        )
    },
    as_stored(
        "AccountAddressChangeRequested",
        "account.address_change_requested",
        "Another e-mail address is to be verified. The one that was verified before stays until then.",
        &[EMAIL],
    ),
    as_stored(
        "AccountAddressVerified",
        "account.address_verified",
        "The e-mail address that was named last is verified. The first time, the account can be used from now on.",
        &[],
    ),
    as_stored(
        "AccountPasswordChanged",
        "account.password_changed",
        "The account has another password.",
        &[text("why", "`changed` by someone who knew the former one, or `reset` by mail.")],
    ),
    as_stored(
        "AccountDescribed",
        "account.described",
        "What the person says of themselves has changed: this is the whole of it.",
        &[
            NAME,
            text("language", "A tag of RFC 5646, if one was chosen.").optional(),
            Field::new("news", Shape::Boolean, "Whether the person wants to be told news by mail."),
        ],
    ),
    as_stored(
        "AccountSecondFactorAdded",
        "account.second_factor_added",
        "There is another second factor to log in with.",
        &[FACTOR],
    ),
    as_stored(
        "AccountSecondFactorRemoved",
        "account.second_factor_removed",
        "A second factor is no longer there.",
        &[FACTOR],
    ),
    as_stored(
        "AccountIdentityLinked",
        "account.identity_linked",
        "The person can log in at another issuer, too.",
        &[PROVIDER],
    ),
    as_stored(
        "AccountIdentityUnlinked",
        "account.identity_unlinked",
        "The person can't log in as one whom another issuer knows any more.",
        &[PROVIDER],
    ),
    as_stored(
        "AccountRoleGranted",
        "account.role_granted",
        "The account has one more role.",
        &[ROLE, REASON],
    ),
    as_stored(
        "AccountRoleRevoked",
        "account.role_revoked",
        "The account has a role no longer.",
        &[ROLE, REASON],
    ),
    PublicType {
        adapt: Some(|event| name_items(event, "scopes", "rule")),
        ..as_stored(
            "AccountKeyIssued",
            "account.key_issued",
            "The account has another key for programs.",
            &[
                text("key", "The id of the key."),
                sealed("name", "What the person calls it, sealed."),
                Field::new(
                    "scopes",
                    Shape::Objects(&[text("rule", "The name of a rule of the policy.")]),
                    "What it may be used for, as far as its account may do that.",
                ),
                text("expires_at", "RFC 3339; left out of a key that doesn't expire.").optional(),
                text("replaces", "The id of the key in whose place it is used, if there is one.").optional(),
            ],
        )
    },
    as_stored(
        "AccountKeyRevoked",
        "account.key_revoked",
        "The key can't be used any more.",
        &[text("key", "The id of the key.")],
    ),
    as_stored(
        "AccountSessionsEnded",
        "account.sessions_ended",
        "All sessions that the account had at that time have ended.",
        &[text(
            "why",
            "`logged_out`, `password_changed`, `password_reset`, `token_reused`, `by_staff` or `roles_changed`.",
        )],
    ),
    as_stored(
        "AccountErased",
        "account.erased",
        "The person has left, and what was known of them can't be read any more.",
        &[],
    ),
];

/// Makes an object of each text in a list, so that there can be more to say about an item one day.
fn name_items(event: &mut Value, list: &str, member: &str) {
    if let Some(Value::Array(items)) = event.get_mut(list) {
        for item in items {
            *item = json!({ member: item.take() });
        }
    }
}
