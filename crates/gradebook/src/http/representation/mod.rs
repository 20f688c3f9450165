//! One file for each media type.

pub mod event_stream;
