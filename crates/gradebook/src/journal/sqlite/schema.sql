-- The journal of gradebook, as docs/journal.md explains it.

-- What tells this journal from every other.
CREATE TABLE meta(
  name  TEXT NOT NULL PRIMARY KEY,
  value ANY  NOT NULL
) STRICT, WITHOUT ROWID;

-- Every student once, in the order of their first score. Rows are only ever appended: neither
-- removed nor moved, so that an erased id leaves no copy on another page. An erased id is
-- overwritten in its place with as many NUL characters. There is no index for the same reason, and
-- because the process that writes knows all students by heart.
CREATE TABLE students(
  id      INTEGER PRIMARY KEY,
  student TEXT NOT NULL
) STRICT;

-- Every score, at its position. `received` is in milliseconds since 1970-01-01T00:00:00Z.
CREATE TABLE entries(
  position INTEGER PRIMARY KEY,
  student  INTEGER NOT NULL,
  exam     INTEGER NOT NULL,
  score    REAL    NOT NULL,
  received INTEGER NOT NULL
) STRICT;

-- Every erasure, at its position: a keyed hash of the student, and how many entries went with it.
CREATE TABLE erasures(
  position INTEGER PRIMARY KEY,
  student  BLOB    NOT NULL,
  suppress INTEGER NOT NULL,
  removed  INTEGER NOT NULL
) STRICT;

-- How far each feed has been read: written together with the scores up to that event.
CREATE TABLE checkpoints(
  feed          TEXT NOT NULL PRIMARY KEY,
  last_event_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The scores for people: `SELECT * FROM results WHERE student = 'foo'`.
CREATE VIEW results AS
  SELECT students.student, entries.exam, entries.score,
         strftime('%Y-%m-%dT%H:%M:%fZ', entries.received / 1000.0, 'unixepoch') AS received,
         entries.position
  FROM entries JOIN students ON students.id = entries.student;
