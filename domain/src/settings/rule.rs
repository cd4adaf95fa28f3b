//! What a setting may be.

use std::fmt::Display;

use serde::Serialize;

/// What is wrong with a value, if anything.
type Problem<T> = Box<dyn Fn(&T) -> Option<String>>;

/// What a value may be, in words and as a test.
pub struct Rule<T> {
    pub allowed: String,
    problem: Problem<T>,
}

impl<T: 'static> Rule<T> {
    /// An error names `name`, and says what it may be.
    pub fn check(&self, name: &'static str, value: &T) -> Result<(), Invalid> {
        match (self.problem)(value) {
            Some(problem) => Err(Invalid::new(name, problem)),
            None => Ok(()),
        }
    }

    /// The rule of a setting that may be absent.
    pub fn optional(self) -> Rule<Option<T>> {
        let problem = self.problem;
        Rule {
            allowed: self.allowed,
            problem: Box::new(move |value: &Option<T>| value.as_ref().and_then(&problem)),
        }
    }
}

/// A setting is not what it may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting {}: {problem}", .path.join("."))]
pub struct Invalid {
    /// Names of groups, the outermost first, and of the setting.
    pub path: Vec<&'static str>,
    pub problem: String,
}

impl Invalid {
    pub fn new(name: &'static str, problem: impl Into<String>) -> Self {
        Self { path: vec![name], problem: problem.into() }
    }

    /// The same, as it is called outside the group.
    #[must_use]
    pub fn within(mut self, group: &'static str) -> Self {
        self.path.insert(0, group);
        self
    }
}

/// Both bounds are allowed themselves.
pub fn between<T: PartialOrd + Display + 'static>(least: T, most: T) -> Rule<T> {
    let allowed = format!("{least} to {most}");
    let says = allowed.clone();
    let problem = move |value: &T| {
        let holds = least <= *value && *value <= most;
        (!holds).then(|| format!("is {value}; it may be {says}"))
    };
    Rule { allowed, problem: Box::new(problem) }
}

/// `allowed` says what `holds` tests. The value is not shown: it may be a secret.
pub fn that_is<T>(allowed: impl Into<String>, holds: impl Fn(&T) -> bool + 'static) -> Rule<T> {
    let allowed = allowed.into();
    let problem = format!("may be {allowed}");
    Rule { allowed, problem: Box::new(move |value| (!holds(value)).then(|| problem.clone())) }
}

/// Text of which `holds` is true, as `allowed` says.
pub fn text(allowed: impl Into<String>, holds: impl Fn(&str) -> bool + 'static) -> Rule<String> {
    that_is(allowed, move |text: &String| holds(text))
}

/// What its type allows, which `allowed` says in words.
pub fn any<T>(allowed: impl Into<String>) -> Rule<T> {
    that_is(allowed, |_| true)
}

/// One of the words of a closed vocabulary.
pub fn one_of<T: Serialize>(all: &[T]) -> Rule<T> {
    any(words(all))
}

fn words<T: Serialize>(all: &[T]) -> String {
    let word = |value| serde_json::to_value(value).ok()?.as_str().map(str::to_owned);
    let words: Vec<String> = all.iter().filter_map(word).collect();
    match words.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => words.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_what_is_allowed() {
        let rule = between(2, 4);
        assert_eq!(rule.allowed, "2 to 4");
        assert!([2, 3, 4].iter().all(|value| rule.check("n", value).is_ok()));
        assert!([1, 5].iter().all(|value| rule.check("n", value).is_err()));
    }

    #[test]
    fn an_absent_value_breaks_no_rule() {
        let rule = between(2, 4).optional();
        assert!(rule.check("n", &None).is_ok() && rule.check("n", &Some(1)).is_err());
    }

    #[test]
    fn a_value_that_is_refused_without_bounds_is_not_shown() {
        let rule = that_is("a long secret", |text: &String| text.len() > 20);
        let refused = rule.check("secret", &"hunter2".to_owned()).unwrap_err();
        assert_eq!(refused.to_string(), "setting secret: may be a long secret");
    }

    #[test]
    fn a_vocabulary_is_listed() {
        assert_eq!(one_of(&["pretty", "json"]).allowed, "pretty or json");
        assert_eq!(one_of(&["a", "b", "c"]).allowed, "a, b or c");
    }
}
