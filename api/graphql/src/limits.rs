//! How large a document may be, found out before anything else is done with it. What it costs depends on variables,
//! too: `plan` adds that up.

use std::collections::HashMap;

use async_graphql::{
    Name,
    parser::types::{ExecutableDocument, Selection, SelectionSet},
};

/// The text of a request: the document, its variables and the rest.
pub const MOST_BYTES: usize = 64 * 1024;
/// Brackets in one another, of any kind: reading a document needs room on the stack for each.
const DEEPEST_NESTING: usize = 64;
/// Fields of an operation, where each fragment is in its place.
const MOST_FIELDS: usize = 500;
/// Fields in one another.
const DEEPEST: usize = 12;
/// Fields of the root, each of which is counted as a request.
pub const MOST_QUERIES: usize = 20;
pub const MOST_MUTATIONS: usize = 10;
/// The sum of fields, each as often as it is expected in the answer.
pub const MOST_COST: usize = 20_000;
/// How often a field is expected in a list whose length isn't asked for.
pub const USUAL_LIST: usize = 5;
/// Values that an answer has at most, whatever was expected.
pub const MOST_VALUES: usize = 100_000;
/// Errors that an answer tells; more are counted.
pub const MOST_ERRORS: usize = 50;

/// Whether the text can be read without getting too deep.
pub fn check_text(text: &str) -> Result<(), String> {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'#' => {
                at += bytes[at..].iter().position(|c| matches!(c, b'\n' | b'\r')).unwrap_or(bytes.len() - at)
            }
            b'"' => at = end_of_string(bytes, at),
            b'{' | b'[' | b'(' => depth += 1,
            b'}' | b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_NESTING {
            return Err(format!("the document has more than {DEEPEST_NESTING} brackets in one another"));
        }
        at += 1;
    }
    Ok(())
}

/// The place of the closing quotation mark of a string, or the end.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    const BLOCK: &[u8] = b"\"\"\"";
    let is_block = bytes[start..].starts_with(BLOCK);
    let mut at = start + if is_block { BLOCK.len() } else { 1 };
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if is_block && bytes[at + 1..].starts_with(BLOCK) => at += 1 + BLOCK.len(),
            b'\\' if !is_block => at += 2,
            b'"' if !is_block => return at,
            b'"' if bytes[at..].starts_with(BLOCK) => return at + BLOCK.len() - 1,
            b'\n' if !is_block => return at,
            _ => at += 1,
        }
    }
    at
}

/// Whether no operation of the document is too large, too deep, or without an end.
pub fn check(document: &ExecutableDocument) -> Result<(), String> {
    let mut sizes = Sizes { document, fragments: HashMap::new(), level: 0 };
    for (_, operation) in document.operations.iter() {
        let size = sizes.of(&operation.node.selection_set.node)?;
        if size.fields > MOST_FIELDS {
            return Err(format!("an operation has at most {MOST_FIELDS} fields, fragments included"));
        }
        if size.depth > DEEPEST {
            return Err(format!("fields are at most {DEEPEST} deep in one another"));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, Default)]
struct Size {
    fields: usize,
    depth: usize,
}

struct Sizes<'a> {
    document: &'a ExecutableDocument,
    /// `None`: it is being measured.
    fragments: HashMap<&'a Name, Option<Size>>,
    /// How many sets of fields are in one another here, fragments included.
    level: usize,
}

impl<'a> Sizes<'a> {
    fn of(&mut self, set: &'a SelectionSet) -> Result<Size, String> {
        if self.level == DEEPEST_NESTING {
            return Err(format!("fields and fragments are at most {DEEPEST_NESTING} deep in one another"));
        }
        self.level += 1;
        let size = self.sum(set);
        self.level -= 1;
        size
    }

    fn sum(&mut self, set: &'a SelectionSet) -> Result<Size, String> {
        let mut all = Size::default();
        for selection in &set.items {
            let size = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.of(&field.node.selection_set.node)?;
                    // What the schema says of itself is nested by its nature, and has an end.
                    let is_about_schema = field.node.name.node.starts_with("__");
                    let depth = if is_about_schema { 1 } else { inner.depth + 1 };
                    Size { fields: inner.fields.saturating_add(1), depth }
                }
                Selection::InlineFragment(fragment) => self.of(&fragment.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.of_fragment(&spread.node.fragment_name.node)?,
            };
            all.fields = all.fields.saturating_add(size.fields);
            all.depth = all.depth.max(size.depth);
        }
        Ok(all)
    }

    fn of_fragment(&mut self, name: &'a Name) -> Result<Size, String> {
        match self.fragments.get(name) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err("fragments go round in a circle".to_owned()),
            None => {}
        }
        // One that isn't there is found by the check of the document.
        let Some(fragment) = self.document.fragments.get(name) else { return Ok(Size::default()) };
        self.fragments.insert(name, None);
        let size = self.of(&fragment.node.selection_set.node)?;
        self.fragments.insert(name, Some(size));
        Ok(size)
    }
}
