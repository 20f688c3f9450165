//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit on open files as far as the system lets us. Every connection is a file, and the
/// soft limit is often 1,024, so that programs which cannot count further are safe.
pub fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    // What the system does not let us have, we do without.
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).ok();
}
