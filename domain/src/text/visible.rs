//! Which characters can be seen.

use unicode_normalization::char::is_combining_mark;

/// The characters of Unicode's property `Default_Ignorable_Code_Point`: nothing is shown for them.
const IGNORABLE: [(char, char); 17] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

/// Characters that are empty though Unicode counts them among the symbols: the Braille pattern without dots, and
/// the musical note without a head.
const EMPTY: [char; 2] = ['\u{2800}', '\u{1d159}'];

pub fn is_ignorable(c: char) -> bool {
    !c.is_ascii() && IGNORABLE.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// Whether the character shows something by itself, without another one beside it.
pub fn is_visible(c: char) -> bool {
    let shows_nothing = c.is_whitespace() || c.is_control() || is_ignorable(c) || EMPTY.contains(&c);
    let is_noncharacter = matches!(u32::from(c), 0xfdd0..=0xfdef) || u32::from(c) & 0xfffe == 0xfffe;
    let is_annotation = ('\u{fff9}'..='\u{fffb}').contains(&c);
    c.is_ascii_graphic() || !(shows_nothing || is_noncharacter || is_annotation || is_combining_mark(c))
}
