//! The name of a place in the journal, as clients see it: in event-stream ids and entity tags.

use std::fmt;
use std::str::FromStr;

use gradebook_core::Position;

/// `<position>`, or `<epoch>-<position>` when positions die with the process (the memory journal).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId {
    /// Eight hexadecimal digits that tell one run of a memory journal from every other.
    pub epoch: Option<u32>,
    /// The place.
    pub position: Position,
}

/// Why a text is not an event id of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event id is a journal position, such as 1042 or 9f86d081-1042")]
pub struct EventIdError;

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch {
            write!(formatter, "{epoch:08x}-")?;
        }
        self.position.fmt(formatter)
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let (epoch, position) = match text.split_once('-') {
            Some((epoch, position)) => (Some(epoch), position),
            None => (None, text),
        };
        let epoch = epoch.map(parse_epoch).transpose()?;
        if position.is_empty() || !position.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(EventIdError);
        }
        let position = position.parse().map(Position::new).map_err(|_| EventIdError)?;
        Ok(Self { epoch, position })
    }
}

fn parse_epoch(text: &str) -> Result<u32, EventIdError> {
    let well_formed = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !well_formed {
        return Err(EventIdError);
    }
    u32::from_str_radix(text, 16).map_err(|_| EventIdError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_as_written() {
        for epoch in [None, Some(0), Some(u32::MAX)] {
            let id = EventId { epoch, position: Position::new(1042) };
            assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "-", "-1", "+1", "1042 ", "abc", "9f86d08-1", "9f86d081-", "1-2-3"] {
            assert_eq!(text.parse::<EventId>(), Err(EventIdError), "{text}");
        }
    }
}
