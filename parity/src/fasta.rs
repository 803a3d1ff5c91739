//! Sequences from FASTA text.

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The first word after `>`.
    pub name: String,
    /// Its letters, lines joined.
    pub letters: String,
}

/// A text that is no FASTA.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FastaError {
    /// Letters before the first `>`.
    #[error("line {0}: letters before the first header; a FASTA record begins with a line `>name`")]
    NoHeader(usize),
    /// Two records of one name.
    #[error("two records are named {0}")]
    Twice(String),
    /// A record without letters.
    #[error("record {0} has no letters")]
    Empty(String),
    /// No record.
    #[error("there is no record in it")]
    NoRecord,
}

/// Reads all records.
///
/// # Errors
/// Where the text is no FASTA.
pub fn parse(text: &str) -> Result<Vec<Record>, FastaError> {
    let mut records: Vec<Record> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('>') {
            let name = header
                .split_whitespace()
                .next()
                .unwrap_or("unnamed")
                .to_string();
            if !seen.insert(name.clone()) {
                return Err(FastaError::Twice(name));
            }
            records.push(Record {
                name,
                letters: String::new(),
            });
        } else if !line.is_empty() && !line.starts_with(';') {
            match records.last_mut() {
                Some(record) => record.letters.push_str(line),
                None => return Err(FastaError::NoHeader(number + 1)),
            }
        }
    }
    if records.is_empty() {
        return Err(FastaError::NoRecord);
    }
    match records.iter().find(|record| record.letters.is_empty()) {
        Some(record) => Err(FastaError::Empty(record.name.clone())),
        None => Ok(records),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_join_their_lines() {
        let records = parse(">a first\nACgt\n\nNN\r\n>b\nT\n").unwrap();
        assert_eq!(records[0].name, "a");
        assert_eq!(records[0].letters, "ACgtNN");
        assert_eq!(records[1].letters, "T");
    }

    #[test]
    fn what_is_no_fasta_is_refused() {
        assert_eq!(parse("ACGT"), Err(FastaError::NoHeader(1)));
        assert_eq!(parse(">a\nA\n>a\nC"), Err(FastaError::Twice("a".into())));
        assert_eq!(parse(">a\n>b\nC"), Err(FastaError::Empty("a".into())));
        assert_eq!(parse("\n"), Err(FastaError::NoRecord));
    }
}
