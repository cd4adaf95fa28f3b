//! How much a command keeps in memory while it waits.

use std::io::{self, Write};

use serde::Serialize;

/// About how many bytes `value` takes: its own size, and its JSON once as the text that it holds and once
/// for what it is held in (a short text's own fields are as large as it is).
pub fn in_memory<T: Serialize>(value: &T) -> usize {
    let mut counted = Counter(0);
    serde_json::to_writer(&mut counted, value).expect("it serializes: string keys, finite numbers");
    size_of::<T>() + 2 * counted.0
}

/// Takes everything, and knows how much it was.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_at_least_as_large_as_what_it_holds() {
        let texts: Vec<String> = (0..100).map(|number| format!("SKU-{number}")).collect();
        let held: usize = texts.iter().map(|text| size_of::<String>() + text.len()).sum();
        assert!(in_memory(&texts) >= held / 2 && in_memory(&texts) <= 2 * held);
        assert!(in_memory(&"x".repeat(1_000_000)) >= 1_000_000);
    }
}
