//! A feed that behaves like the original live-test-scores service: a real server on a real socket.
//!
//! What it says is a pure function of the seed and the number of the event ([`Stream`]), so that a
//! subscriber can resume anywhere, a run can be repeated byte for byte, and tests know what was
//! sent without listening.

mod fault;
mod names;
mod number;
mod server;
mod stream;

pub use fault::{Fault, Faults, UnknownFault};
pub use server::{End, STALL, ServerSettings, serve};
pub use stream::{FAULT_ONE_IN, Stream, StreamSettings};
