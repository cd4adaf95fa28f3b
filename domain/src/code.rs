//! Codes: the stable names of everything that is refused or fails, for programs, and a page about each, for people.
//!
//! Each part of the project declares its own with [`codes!`], beside the rule or the machinery that gives them; such
//! a list is called a *room*. A code without a page doesn't compile.

use std::fmt;

use serde::{Serialize, Serializer};

/// One code. Part of the public contract: a name is never changed, and it never means something else.
#[derive(Clone, Copy)]
pub struct Code(&'static Description);

/// What there is to say about a code.
pub struct Description {
    pub name: &'static str,
    pub kind: Kind,
    pub title: &'static str,
    /// Markdown: first a paragraph that says what it means, then why it happens, then what a client can do.
    pub page: &'static str,
}

/// The way in which something is refused or fails. Each interface says it in its own way, HTTP by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It can't be understood.
    Malformed,
    /// The caller is not known.
    Unauthenticated,
    /// The caller may not do this.
    Forbidden,
    NotFound,
    /// The thing exists, but this can't be asked of it.
    WrongMethod,
    /// There is no form of the answer that the caller accepts.
    NoSuchForm,
    /// The request was sent too slowly.
    TooSlow,
    /// It is there already, or under way.
    Conflict,
    /// It has changed since the client looked.
    Stale,
    TooLarge,
    /// What comes before its body is too large.
    HeadTooLarge,
    /// The request is written in a form that isn't read here.
    UnreadableForm,
    /// Understood, and against a rule of the business.
    Invalid,
    /// The caller asks too often.
    TooOften,
    /// A defect of this server.
    Internal,
    /// It is not possible now, but may be later.
    Unavailable,
    /// The time was over first.
    TimedOut,
}

impl Code {
    /// Only [`codes!`] calls this: it is the way to make a code.
    #[doc(hidden)]
    pub const fn new(description: &'static Description) -> Self {
        Self(description)
    }

    pub const fn as_str(self) -> &'static str {
        self.0.name
    }

    pub const fn kind(self) -> Kind {
        self.0.kind
    }

    pub const fn title(self) -> &'static str {
        self.0.title
    }

    pub const fn page(self) -> &'static str {
        self.0.page
    }

    /// What it means, in a sentence or two: the first paragraph of its page, on one line.
    pub fn meaning(self) -> String {
        let paragraph = self.page().split("\n\n").next().unwrap_or_default();
        paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl PartialEq for Code {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Code {}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Declares the codes of one room, in one enum. The pages are `<name>.md` in the folder named first, which is
/// beside the file that says `codes!`:
///
/// ```ignore
/// codes! {
///     "codes",
///     pub enum ParcelCode {
///         NotDispatched = Invalid, "parcel_not_dispatched", "Parcel not dispatched";
///     }
/// }
/// ```
#[macro_export]
macro_rules! codes {
    (
        $folder:literal,
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $( $(#[$about:meta])* $variant:ident = $kind:ident, $code:literal, $title:literal; )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $name {
            $( $(#[$about])* $variant, )+
        }

        impl $name {
            /// All codes of this room.
            pub const CODES: &'static [$crate::code::Code] = &[$(Self::$variant.code()),+];

            pub const fn code(self) -> $crate::code::Code {
                match self {
                    $(
                        Self::$variant => $crate::code::Code::new(&$crate::code::Description {
                            name: $code,
                            kind: $crate::code::Kind::$kind,
                            title: $title,
                            page: include_str!(concat!($folder, "/", $code, ".md")),
                        }),
                    )+
                }
            }
        }

        impl From<$name> for $crate::code::Code {
            fn from(code: $name) -> Self {
                code.code()
            }
        }
    };
}

codes! {
    "codes",
    /// Codes that mean the same whatever they are said of.
    pub enum GeneralCode {
        NotFound = NotFound, "not_found", "Not found";
        AlreadyExists = Conflict, "already_exists", "Already exists";
        ValidationFailed = Invalid, "validation_failed", "Validation failed";
        Overloaded = Unavailable, "overloaded", "Overloaded";
        Unavailable = Unavailable, "unavailable", "Unavailable";
        DeadlineExceeded = TimedOut, "deadline_exceeded", "Deadline exceeded";
        Internal = Internal, "internal", "Internal error";
    }
}
