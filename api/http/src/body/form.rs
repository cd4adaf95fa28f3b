//! Forms of pages (`application/x-www-form-urlencoded`), as a browser sends what people filled in.

use url::form_urlencoded;

use crate::problem::Problem;

pub const FORM: &str = "application/x-www-form-urlencoded";

/// What was filled in, in the order of the form.
#[derive(Default)]
pub struct Sent(Vec<(String, String)>);

impl Sent {
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(bytes)
            .map_err(|_| Problem::malformed("the body is a form: pairs of names and values"))?;
        // The parser puts other characters in the place of bytes that are no text.
        if form_urlencoded::parse(bytes).any(|(_, value)| value.contains(char::REPLACEMENT_CHARACTER)) {
            return Err(Problem::malformed("the body is text in UTF-8"));
        }
        Ok(Self(pairs))
    }

    /// What is in this field: nothing if the form has no such field.
    pub fn value(&self, name: &str) -> &str {
        self.0.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// Whether the form has this field, filled in or not.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(other, _)| other == name)
    }

    /// The same as an object of JSON, with a member for each field that was filled in. A field that comes twice is there
    /// twice.
    pub fn to_json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let filled = self.0.iter().filter(|(_, value)| !value.is_empty());
        let members: Vec<String> =
            filled.map(|(name, value)| format!("{}:{}", text(name), text(value))).collect();
        format!("{{{}}}", members.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Catches: a value that ends its own text, an empty field that counts, and a name that is taken twice.
    #[test]
    fn a_form_is_an_object_of_what_was_filled_in() {
        for (form, json) in [
            ("", "{}"),
            ("a=1&b=&c=x+y%26", r#"{"a":"1","c":"x y&"}"#),
            ("a=%22%2C%22b%22%3A%221", r#"{"a":"\",\"b\":\"1"}"#),
            ("a=1&a=2", r#"{"a":"1","a":"2"}"#),
        ] {
            assert_eq!(Sent::parse(form.as_bytes()).unwrap_or_default().to_json(), json, "{form}");
        }
        assert!(Sent::parse(b"a=%FF").is_err());
    }
}
