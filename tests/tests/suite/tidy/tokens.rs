//! What a source file consists of, as far as our rules look at it.

pub enum Token {
    /// A word, `::` or a single sign.
    Code(String),
    /// What stands between the quotes of a text, as it is written.
    Text(String),
}

/// The tokens of a file, each with its line, without comments, characters and numbers' insides.
pub fn tokens(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let (mut place, mut line, mut counted) = (0, 1, 0);
    while place < chars.len() {
        line += chars[counted..place].iter().filter(|c| **c == '\n').count();
        counted = place;
        let (c, next) = (at(place), at(place + 1));
        if c == '/' && next == '/' {
            place += chars[place..].iter().take_while(|c| **c != '\n').count();
        } else if c == '/' && next == '*' {
            place = end_of_comment(&chars, place);
        } else if c == '"' {
            let end = end_of_text(&chars, place);
            found.push((line, written(&chars, place + 1, end - 1)));
            place = end;
        } else if c == '\'' && (next == '\\' || at(place + 2) == '\'') {
            // A character; else it is a lifetime.
            place += if next == '\\' { 3 } else { 2 };
            place += chars[place.min(chars.len())..].iter().take_while(|c| **c != '\'').count() + 1;
        } else if is_word(c) {
            let word: String = chars[place..].iter().take_while(|c| is_word(**c)).collect();
            place += word.chars().count();
            let hashes = chars[place..].iter().take_while(|c| **c == '#').count();
            if word.ends_with('r') && word.len() <= 2 && at(place + hashes) == '"' {
                let begin = place + hashes + 1;
                place = end_of_raw_text(&chars, begin, hashes);
                found.push((line, written(&chars, begin, place - 1 - hashes)));
            } else {
                found.push((line, Token::Code(word)));
            }
        } else if c == ':' && next == ':' {
            found.push((line, Token::Code("::".to_owned())));
            place += 2;
        } else {
            if !c.is_whitespace() {
                found.push((line, Token::Code(c.to_string())));
            }
            place += 1;
        }
    }
    found
}

fn written(chars: &[char], begin: usize, end: usize) -> Token {
    Token::Text(chars[begin..end.min(chars.len())].iter().collect())
}

fn end_of_comment(chars: &[char], mut place: usize) -> usize {
    let mut depth = 0;
    while place < chars.len() {
        match chars.get(place..place + 2) {
            Some(['/', '*']) => (depth, place) = (depth + 1, place + 2),
            Some(['*', '/']) => (depth, place) = (depth - 1, place + 2),
            _ => place += 1,
        }
        if depth == 0 {
            break;
        }
    }
    place
}

fn end_of_text(chars: &[char], begin: usize) -> usize {
    let mut place = begin + 1;
    while place < chars.len() && chars[place] != '"' {
        place += if chars[place] == '\\' { 2 } else { 1 };
    }
    place + 1
}

fn end_of_raw_text(chars: &[char], mut place: usize, hashes: usize) -> usize {
    let ends = |place: usize| {
        chars[place] == '"' && chars[place + 1..].iter().take_while(|c| **c == '#').count() >= hashes
    };
    while place < chars.len() && !ends(place) {
        place += 1;
    }
    place + 1 + hashes
}
