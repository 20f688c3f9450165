//! RFC 4180: CRLF, and quotes where they are needed.

use std::io::Write as _;

use gradebook_core::Timestamp;

/// A value in a column.
#[derive(Clone, Copy, Debug)]
pub enum Field<'a> {
    /// A student id: chosen by somebody else.
    Id(&'a str),
    /// A score or an average.
    Score(f64),
    /// A number or a count.
    Integer(u64),
    /// A time.
    Instant(Timestamp),
}

/// Writes one record.
pub fn write_record(fields: &[Field<'_>], record: &mut Vec<u8>) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            record.push(b',');
        }
        let written = match field {
            Field::Id(id) => {
                write_text(id, record);
                Ok(())
            }
            // As in JSON: the shortest text that reads back as the same double.
            Field::Score(score) => serde_json::to_writer(&mut *record, score).map_err(Into::into),
            Field::Integer(number) => write!(record, "{number}"),
            Field::Instant(instant) => write!(record, "{instant}"),
        };
        written.expect("invariant: memory takes what is written");
    }
    record.extend_from_slice(b"\r\n");
}

/// A text that begins with one of these is run as a formula by spreadsheets (OWASP, CSV injection).
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

fn write_text(text: &str, record: &mut Vec<u8>) {
    let guard = if text.starts_with(FORMULA_STARTS) { "'" } else { "" };
    let quoted = text.contains(['"', ',', '\r', '\n']);
    let quote = if quoted { "\"" } else { "" };
    let escaped = text.replace('"', "\"\"");
    write!(record, "{quote}{guard}{escaped}{quote}").expect("invariant: memory takes text");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> String {
        let mut record = Vec::new();
        write_record(&[Field::Id(text), Field::Integer(3)], &mut record);
        String::from_utf8(record).unwrap()
    }

    #[test]
    fn ids_are_quoted_where_needed_and_never_formulas() {
        for (text, record) in [
            ("foo", "foo,3\r\n"),
            ("Lee, Ann", "\"Lee, Ann\",3\r\n"),
            ("\"x\"", "\"\"\"x\"\"\",3\r\n"),
            ("=1+1", "'=1+1,3\r\n"),
            ("@x,y", "\"'@x,y\",3\r\n"),
            ("-", "'-,3\r\n"),
            ("a=b", "a=b,3\r\n"),
        ] {
            assert_eq!(id(text), record);
        }
    }

    #[test]
    fn scores_read_back_as_the_same_double() {
        let mut record = Vec::new();
        write_record(&[Field::Score(0.1 + 0.2), Field::Score(1.0)], &mut record);
        assert_eq!(record, b"0.30000000000000004,1.0\r\n");
    }
}
