//! What handlers of requests get: the book, the hub, and how everything is. Never the journal.

use std::sync::Arc;

use gradebook_core::{Gradebook, Position, StudentId};
use parking_lot::RwLockReadGuard;
use tokio::sync::{mpsc, oneshot};

use crate::book::SharedBook;
use crate::hub::Hub;
pub use crate::journal::Identity;
use crate::rejections::Rejections;
use crate::status::Status;
use crate::writer::{Command, EraseRequest};

/// Everything that a request can be answered from.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The shared book.
    pub book: Arc<SharedBook>,
    /// Where changes come from.
    pub hub: Arc<Hub>,
    /// How everything is.
    pub status: Arc<Status>,
    /// What was refused.
    pub rejections: Arc<Rejections>,
    /// The journal's identity: positions shown to clients may need its epoch.
    pub identity: Identity,
    erasures: mpsc::Sender<Command>,
}

/// The process is ending, so nothing can be erased any more.
#[derive(Debug, thiserror::Error)]
#[error("the writer has ended")]
pub struct WriterGone;

impl Reader {
    /// Reads `book`; erasures go to the writer as commands.
    #[must_use]
    pub fn new(
        book: Arc<SharedBook>,
        hub: Arc<Hub>,
        status: Arc<Status>,
        rejections: Arc<Rejections>,
        identity: Identity,
        erasures: mpsc::Sender<Command>,
    ) -> Self {
        Self { book, hub, status, rejections, identity, erasures }
    }

    /// The book as it is now. Hold it briefly, and never over an `.await`.
    pub fn now(&self) -> RwLockReadGuard<'_, Gradebook> {
        self.book.read()
    }

    /// Erases a student everywhere: journal, book, subscribers, rejections. Returns the position of
    /// the erasure when it is visible.
    ///
    /// # Errors
    /// [`WriterGone`] when the process is ending.
    pub async fn erase(&self, student: StudentId, suppress: bool) -> Result<Position, WriterGone> {
        let (done, erased) = oneshot::channel();
        self.rejections.forget(student.as_str());
        let request = EraseRequest { student, suppress, done };
        self.erasures.send(Command::Erase(request)).await.map_err(|_| WriterGone)?;
        erased.await.map_err(|_| WriterGone)
    }
}
