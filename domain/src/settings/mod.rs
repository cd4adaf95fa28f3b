//! What a setting is: a value with a name, a sentence, a default and a rule that says what it may be.
//!
//! Settings are in groups. The crate that uses a group declares it with [`settings!`](crate::settings!), once,
//! and gets the struct, its defaults, its check and its description from that declaration.

mod list;
mod rule;
mod units;

use serde::Serialize;
use serde_json::Value;

pub use list::list;
pub use rule::{Invalid, Rule, any, between, one_of, text, that_is};
pub use units::{NotAQuantity, Size, Span};

/// A group of settings, made by [`settings!`](crate::settings!).
pub trait Group: Default + Serialize {
    /// What can be set, in the order of the declaration.
    fn describe() -> Description;

    /// Whether each setting is what it may be.
    fn check(&self) -> Result<(), Invalid>;
}

/// All that a reader wants to know of a group.
#[derive(Debug)]
pub struct Description {
    pub about: &'static str,
    pub settings: Vec<Setting>,
    /// Groups inside this one, by their names.
    pub groups: Vec<(&'static str, Description)>,
}

/// All that a reader wants to know of a setting.
#[derive(Debug)]
pub struct Setting {
    pub name: &'static str,
    pub about: &'static str,
    /// `None`: it is absent unless it is set.
    pub default: Option<Value>,
    /// What it may be, in words.
    pub allowed: String,
}

/// The defaults of a group by their names, as they are written.
pub fn defaults<G: Group>() -> Value {
    serde_json::to_value(G::default()).expect("settings are numbers, text and lists")
}

/// Declares a group: for each setting a sentence, a name, a type, a default and the rule that it keeps.
///
/// ```
/// use daybook_domain::settings::{Group, Span, between};
///
/// daybook_domain::settings! {
///     /// How a kettle boils.
///     pub struct Kettle {
///         /// The longest time that it may take.
///         patience: Span = Span::minutes(5), between(Span::seconds(1), Span::minutes(10));
///     }
/// }
/// assert_eq!(Kettle::default().patience, Span::minutes(5));
/// assert_eq!(Kettle::describe().settings[0].allowed, "1s to 10m");
/// ```
///
/// Groups inside it are named in a block `groups { name: Type; }` after the settings. A line of the form
/// `#[serde(…)]` may be written between the sentence and the name.
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        pub struct $group:ident {
            $(
                $(#[doc = $sentence:literal])+
                $(#[serde($($serde:tt)+)])?
                $name:ident: $type:ty = $default:expr, $rule:expr;
            )*
            $(groups { $($member:ident: $nested:ty;)* })?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $group {
            $(
                $(#[doc = $sentence])+
                $(#[serde($($serde)+)])?
                pub $name: $type,
            )*
            $($(pub $member: $nested,)*)?
        }

        impl ::std::default::Default for $group {
            fn default() -> Self {
                Self {
                    $($name: $default,)*
                    $($($member: ::std::default::Default::default(),)*)?
                }
            }
        }

        impl $crate::settings::Group for $group {
            fn describe() -> $crate::settings::Description {
                let defaults = $crate::settings::defaults::<Self>();
                $crate::settings::Description {
                    about: concat!($($about),+).trim_ascii(),
                    settings: vec![$({
                        let rule: $crate::settings::Rule<$type> = $rule;
                        $crate::settings::Setting {
                            name: stringify!($name),
                            about: concat!($($sentence),+).trim_ascii(),
                            default: defaults.get(stringify!($name)).cloned(),
                            allowed: rule.allowed,
                        }
                    }),*],
                    groups: vec![$($(
                        (stringify!($member), <$nested as $crate::settings::Group>::describe()),
                    )*)?],
                }
            }

            fn check(&self) -> ::std::result::Result<(), $crate::settings::Invalid> {
                $({
                    let rule: $crate::settings::Rule<$type> = $rule;
                    rule.check(stringify!($name), &self.$name)?;
                })*
                $($(
                    $crate::settings::Group::check(&self.$member)
                        .map_err(|invalid| invalid.within(stringify!($member)))?;
                )*)?
                Ok(())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    crate::settings! {
        /// How a kettle boils.
        pub struct Kettle {
            /// The longest time that it may take,
            /// lid and all.
            patience: Span = Span::minutes(5), between(Span::seconds(1), Span::minutes(10));
            /// A whistle to listen for.
            #[serde(skip_serializing_if = "Option::is_none")]
            whistle: Option<String> = None, any("text").optional();
        }
    }

    crate::settings! {
        /// What stands in a kitchen.
        pub struct Kitchen {
            /// Cups.
            cups: u32 = 6, between(1, 12);
            groups { kettle: Kettle; }
        }
    }

    #[test]
    fn a_declaration_describes_itself() {
        let kitchen = Kitchen::describe();
        assert_eq!((kitchen.about, kitchen.settings[0].name), ("What stands in a kitchen.", "cups"));
        assert_eq!((kitchen.settings[0].default.clone(), kitchen.groups[0].0), (Some(json!(6)), "kettle"));
        let [patience, whistle] = &kitchen.groups[0].1.settings[..] else { panic!("two settings") };
        assert_eq!(patience.about, "The longest time that it may take, lid and all.");
        assert_eq!((patience.allowed.as_str(), patience.default.clone()), ("1s to 10m", Some(json!("5m"))));
        assert_eq!((whistle.allowed.as_str(), whistle.default.clone()), ("text", None));
    }

    #[test]
    fn a_setting_out_of_bounds_is_named_with_its_group() {
        let mut kitchen = Kitchen::default();
        assert_eq!(kitchen.check(), Ok(()));
        kitchen.kettle.patience = Span::millis(1);
        let refused = kitchen.check().unwrap_err();
        assert_eq!(refused.to_string(), "setting kettle.patience: is 1ms; it may be 1s to 10m");
    }

    #[test]
    fn a_name_that_is_not_there_is_refused() {
        assert!(serde_json::from_value::<Kitchen>(json!({"kettle": {"patience": "2s"}})).is_ok());
        assert!(serde_json::from_value::<Kitchen>(json!({"kettle": {"patients": "2s"}})).is_err());
    }
}
