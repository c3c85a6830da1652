//! Lines of a file with their numbers.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};

use crate::failure::{Exit, Failure, Result};
use crate::printable::size;

/// Longer than any delivery can be as a line.
pub const LONGEST: u64 = 1 << 30;

/// The lines of a file.
pub struct Lines<R> {
    reader: BufReader<R>,
    number: usize,
    longest: u64,
}

impl<'f> Lines<&'f mut File> {
    /// From the beginning.
    pub fn of(file: &'f mut File) -> Self {
        Self::up_to(LONGEST, file)
    }
}

impl<R: Read> Lines<R> {
    fn up_to(longest: u64, read: R) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, read), number: 0, longest }
    }

    /// The next line that is not empty. One without an end was cut.
    pub fn next(&mut self) -> Result<Option<(usize, Vec<u8>)>> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.reader).take(self.longest + 1);
            let read = bounded.read_until(b'\n', &mut line).map_err(|error| Failure::unreadable("the lines", &error))?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            if read as u64 > self.longest {
                let message = format!("line {} is longer than {}, which no delivery is", self.number, size(self.longest as i64));
                return Err(Failure::new(Exit::Failed, message, "Nothing was imported. Give what `knocker export --unredacted` writes."));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some((self.number, line)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_does_not_fill_the_memory() {
        let mut lines = Lines::up_to(16, std::io::Cursor::new(b"one\n\ntwo\n").chain(std::io::repeat(b'x')));
        assert_eq!(lines.next().unwrap(), Some((1, b"one\n".to_vec())));
        assert_eq!(lines.next().unwrap(), Some((3, b"two\n".to_vec())));
        assert!(lines.next().unwrap_err().message().contains("line 4 is longer than 16 B"));
    }
}
