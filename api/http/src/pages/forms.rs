//! Forms: each field has a label, says what a browser may fill in, and names what is wrong with it.

use crate::{html::escape, problem::Problem};

use super::look;

/// A field that is filled in.
pub struct Field<'a> {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    value: &'a str,
    hint: &'static str,
    is_needed: bool,
}

impl<'a> Field<'a> {
    const fn new(
        name: &'static str,
        label: &'static str,
        kind: &'static str,
        autocomplete: &'static str,
    ) -> Self {
        Self { name, label, kind, autocomplete, value: "", hint: "", is_needed: true }
    }

    pub fn email(value: &'a str) -> Self {
        Self { value, ..Self::new("email", "E-mail address", "email", "username") }
    }

    pub fn password() -> Self {
        Self::new("password", "Password", "password", "current-password")
    }

    /// The password, next to a code that turned out to be needed, too.
    pub fn password_again() -> Self {
        Self { hint: "Once more, because no page keeps it.", ..Self::password() }
    }

    pub fn new_password() -> Self {
        let hint =
            "At least 8 characters, and hard to guess: a few words that don't belong together are fine.";
        Self { hint, ..Self::new("password", "New password", "password", "new-password") }
    }

    pub fn code() -> Self {
        let hint = "What your authenticator app shows now, or one of your recovery codes.";
        Self { hint, ..Self::new("code", "Code", "text", "one-time-code") }
    }

    /// The code that an app shows that was just set up.
    pub fn app_code() -> Self {
        Self { hint: "What the app shows now.", ..Self::code() }
    }

    pub fn name(value: &'a str) -> Self {
        Self { value, is_needed: false, ..Self::new("name", "Name", "text", "name") }
    }

    pub fn token(value: &'a str) -> Self {
        let hint = "What is behind #token= in the link that we sent you.";
        Self { value, hint, ..Self::new("token", "Token", "text", "off") }
    }

    fn html(&self, problem: Option<&Problem>) -> String {
        let Self { name, label, kind, autocomplete, value, hint, is_needed } = self;
        let optional = if *is_needed { "" } else { " <span class=\"optional\">(optional)</span>" };
        let is_wrong =
            problem.is_some_and(|problem| problem.errors().iter().any(|error| error.pointer[1..] == **name));
        let mut attributes = String::new();
        if *is_needed {
            attributes.push_str(" required");
        }
        if is_wrong {
            attributes.push_str(" aria-invalid=\"true\"");
        }
        if *kind == "text" {
            attributes.push_str(" autocapitalize=\"none\" spellcheck=\"false\"");
        }
        let described =
            [(!hint.is_empty()).then(|| format!("{name}-hint")), problem.map(|_| "problem".to_owned())];
        let described: Vec<String> = described.into_iter().flatten().collect();
        if !described.is_empty() {
            attributes.push_str(&format!(" aria-describedby=\"{}\"", described.join(" ")));
        }
        let hint = match *hint {
            "" => String::new(),
            hint => format!("<p class=\"hint\" id=\"{name}-hint\">{}</p>", escape(hint)),
        };
        format!(
            "<div class=\"field\"><label for=\"{name}\">{label}{optional}</label>\
             <input id=\"{name}\" name=\"{name}\" type=\"{kind}\" autocomplete=\"{autocomplete}\" \
             value=\"{}\"{attributes}>{hint}</div>",
            escape(value)
        )
    }
}

/// A form, and what was wrong with it when it was sent the last time.
pub struct Form<'a> {
    pub action: &'a str,
    /// Fields that have their values already.
    pub fixed: &'a [(&'a str, &'a str)],
    pub fields: Vec<Field<'a>>,
    pub button: &'a str,
    pub problem: Option<&'a Problem>,
}

impl Form<'_> {
    pub fn html(&self) -> String {
        let label = |name: &str| {
            let field = self.fields.iter().find(|field| field.name == name);
            field.map_or_else(|| name.to_owned(), |field| field.label.to_owned())
        };
        let alert = self.problem.map(|problem| look::alert(problem, label)).unwrap_or_default();
        let fields: String = self.fields.iter().map(|field| field.html(self.problem)).collect();
        let Self { action, button, .. } = self;
        format!(
            "{alert}<form method=\"post\" action=\"{}\">{}{fields}<button>{}</button></form>",
            escape(action),
            fixed(self.fixed),
            escape(button)
        )
    }
}

/// A form that is a button alone. `label` says what it does where the button's text doesn't say all.
pub fn button(action: &str, values: &[(&str, &str)], text: &str, label: Option<&str>) -> String {
    let label = label.map(|label| format!(" aria-label=\"{}\"", escape(label))).unwrap_or_default();
    format!(
        "<form method=\"post\" action=\"{}\">{}<button class=\"other\"{label}>{}</button></form>",
        escape(action),
        fixed(values),
        escape(text)
    )
}

fn fixed(values: &[(&str, &str)]) -> String {
    let input = |(name, value): &(&str, &str)| {
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
    };
    values.iter().map(input).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::FieldError;

    /// Catches: markup that someone filled in, a field without a label, one that doesn't say that it is wrong, and a problem
    /// that no screen reader says.
    #[test]
    fn a_form_says_what_is_wrong_with_which_field() {
        let error = FieldError { pointer: "/email".into(), code: "invalid_value", detail: "no <i>".into() };
        let problem = Problem::invalid(vec![error], 1);
        let fields = vec![Field::email("\"><b>"), Field::password()];
        let form =
            Form { action: "/x", fixed: &[("step", "one")], fields, button: "Go", problem: Some(&problem) };
        let html = form.html();
        assert!(html.contains("<li>E-mail address: no &lt;i&gt;</li>"), "{html}");
        assert!(html.contains("value=\"&quot;&gt;&lt;b&gt;\" required aria-invalid=\"true\""), "{html}");
        assert_eq!(html.matches("aria-invalid").count(), 1, "{html}");
        assert_eq!(html.matches("aria-describedby=\"problem\"").count(), 2, "{html}");
        assert_eq!(html.matches("<label for=").count(), 2, "{html}");
        assert!(html.contains("role=\"alert\"") && html.contains("tabindex=\"-1\" autofocus"), "{html}");
    }
}
