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
pub use crate::writer::EraseRefusal;
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

/// Why a student was not erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EraseError {
    /// It must not be.
    #[error(transparent)]
    Refused(#[from] EraseRefusal),
    /// The process is ending, so nothing can be erased any more.
    #[error("the writer has ended")]
    WriterGone,
}

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
    /// With `revisions`, only if what is held of the student changed last at one of them. That is
    /// looked at in one step with the erasure, so a score that comes in between is not lost to it.
    ///
    /// # Errors
    /// See [`EraseError`].
    pub async fn erase(
        &self,
        student: StudentId,
        suppress: bool,
        revisions: Option<Vec<Position>>,
    ) -> Result<Position, EraseError> {
        let (done, erased) = oneshot::channel();
        let request = EraseRequest { student, suppress, revisions, done };
        // What is wrong by now already need not wait for the journal.
        let held = self.now().student(&request.student).map(|aggregate| aggregate.revision);
        request.check(held)?;
        let gone = EraseError::WriterGone;
        self.erasures.send(Command::Erase(request)).await.map_err(|_| gone)?;
        Ok(erased.await.map_err(|_| gone)??)
    }
}
