//! Words of states that are spelled outside of their vocabulary, read from the text.
//!
//! A vocabulary of states is an enum made by `words!` whose name says so: it ends with `State`, `Status`, `Outcome` or
//! `Resolution`. A word of one is found where a text is nothing but that word (`"parked"`), and where it stands in
//! SQL's quotes within a text (`state = 'parked'`). Words in a longer text are prose.

use std::collections::BTreeSet;

use super::tokens::{Token, tokens};

const NAMES: [&str; 4] = ["State", "Status", "Outcome", "Resolution"];

/// A file: its path, and its text without tests.
pub struct File<'a> {
    pub path: &'a str,
    pub text: &'a str,
}

/// A word that means something else in a file.
pub struct Exception {
    /// The end of the file's path.
    pub path: &'static str,
    pub word: &'static str,
    /// What it means there.
    pub reason: &'static str,
}

/// Each word of a state that stands outside of its vocabulary, and each exception that nothing needs.
pub fn strays(files: &[File<'_>], exceptions: &[Exception]) -> Vec<String> {
    let read: Vec<(&str, Said)> = files.iter().map(|file| (file.path, read(file.text))).collect();
    let words: BTreeSet<&str> =
        read.iter().flat_map(|(_, said)| said.words.iter().map(String::as_str)).collect();
    let mut unneeded: Vec<&Exception> = exceptions.iter().collect();
    let mut findings = Vec::new();
    for (path, said) in &read {
        for (line, text) in &said.texts {
            for word in words.iter().filter(|word| text == *word || text.contains(&format!("'{word}'"))) {
                let is_meant =
                    |exception: &&Exception| path.ends_with(exception.path) && exception.word == *word;
                unneeded.retain(|exception| !is_meant(exception));
                if !exceptions.iter().any(|exception| is_meant(&exception)) {
                    findings.push(format!("{path}:{line}: {word}"));
                }
            }
        }
    }
    findings.extend(unneeded.into_iter().map(|Exception { path, word, reason }| {
        format!("{path}: nothing needs the exception for {word} ({reason})")
    }));
    findings
}

/// What a file says.
#[derive(Default)]
struct Said {
    /// The words of its vocabularies of states.
    words: Vec<String>,
    /// All texts that are not in a vocabulary, each with its line.
    texts: Vec<(usize, String)>,
}

fn read(text: &str) -> Said {
    let tokens = tokens(text);
    let code = |place: usize| match tokens.get(place) {
        Some((_, Token::Code(code))) => code.as_str(),
        _ => "",
    };
    let mut said = Said::default();
    let mut place = 0;
    while let Some((line, token)) = tokens.get(place) {
        if [code(place), code(place + 1), code(place + 2)] == ["words", "!", "{"] {
            let end = end_of_block(&tokens, place + 2);
            let name = (place..end).find(|place| code(*place) == "enum").map(|place| code(place + 1));
            if name.is_some_and(|name| NAMES.iter().any(|end| name.ends_with(end))) {
                // A variant and its word. In the attributes, names begin with a small letter.
                let word = |place: usize| match &tokens.get(place + 1)?.1 {
                    Token::Text(word) if code(place - 1).starts_with(char::is_uppercase) => {
                        Some(word.clone())
                    }
                    _ => None,
                };
                said.words.extend((place..end).filter(|place| code(*place) == "=").filter_map(word));
            }
            place = end;
            continue;
        }
        if let Token::Text(text) = token {
            said.texts.push((*line, text.clone()));
        }
        place += 1;
    }
    said
}

/// Behind the brace that closes the one at `place`.
fn end_of_block(tokens: &[(usize, Token)], mut place: usize) -> usize {
    let mut depth = 0_usize;
    while let Some((_, token)) = tokens.get(place) {
        match token {
            Token::Code(code) if code == "{" => depth += 1,
            Token::Code(code) if code == "}" => depth -= 1,
            _ => {}
        }
        place += 1;
        if depth == 0 {
            break;
        }
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOOR: File<'static> = File {
        path: "door.rs",
        text: "words! {\n    /// How it is.\n    #[a(b = \"lock\")]\n    pub enum DoorState {\n        Open = \"open\",\n        \
               /// Not \"ajar\".\n        Shut = \"shut\",\n    }\n}\n",
    };

    fn found(text: &str) -> Vec<String> {
        strays(&[DOOR, File { path: "a.rs", text }], &[])
    }

    #[test]
    fn a_word_outside_of_its_vocabulary_is_found() {
        assert_eq!(found("\nfn f() { look(\"shut\") }"), ["a.rs:2: shut"]);
        assert_eq!(found("const WORDS: &[&str] = &[\"open\",\n\"shut\"];"), ["a.rs:1: open", "a.rs:2: shut"]);
        assert_eq!(found("#[serde(rename = \"open\")] struct S;"), ["a.rs:1: open"]);
        assert_eq!(found("const C: &str = r#\"open\"#;"), ["a.rs:1: open"]);
        assert_eq!(
            strays(&[File { text: &format!("{}const C: &str = \"open\";", DOOR.text), ..DOOR }], &[]),
            ["door.rs:10: open"]
        );
    }

    #[test]
    fn a_word_in_sql_is_found() {
        assert_eq!(
            found(
                "const SQL: &str = \"UPDATE doors\n SET state = 'shut'\n WHERE state IN ('open', 'ajar')\";"
            ),
            ["a.rs:1: open", "a.rs:1: shut"]
        );
    }

    #[test]
    fn prose_comments_and_other_vocabularies_are_not_found() {
        for text in [
            "// It is \"open\" or 'shut'.\n/* 'open' */",
            "const C: &str = \"the door is open, and can't be shut\";",
            "words! { enum ShopState { Open = \"open\", Closed = \"closed\" } }",
            "const C: (char, &str) = ('\"', \"lock\");",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn only_vocabularies_of_states_count() {
        let colours = File { path: "b.rs", text: "words! { enum Colour { Red = \"red\" } }" };
        assert_eq!(strays(&[colours, File { path: "a.rs", text: "const C: &str = \"red\";" }], &[]), [""; 0]);
    }

    #[test]
    fn an_exception_is_for_one_word_of_one_file_and_is_needed() {
        let exceptions = [Exception { path: "a.rs", word: "open", reason: "a verb" }];
        let text = "const VERBS: [&str; 2] = [\"open\", \"shut\"];";
        assert_eq!(strays(&[DOOR, File { path: "a.rs", text }], &exceptions), ["a.rs:1: shut"]);
        assert_eq!(strays(&[DOOR], &exceptions), ["a.rs: nothing needs the exception for open (a verb)"]);
    }
}
