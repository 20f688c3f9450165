//! The students that are held, by index, by id, and in the order of their ids.

use hashbrown::HashTable;

use super::labels::{self, Label};
use super::record::{ExamIndex, Slot, Stamp, StudentIndex};
use super::sorted_blocks::{Place, SortedBlocks};
use crate::{Pseudonym, PseudonymKey, StudentId, Sum};

/// The students that are held.
///
/// A student is known by an index of four bytes everywhere inside the gradebook. The hash that
/// finds the index is the beginning of the pseudonym: one hash finds a student by id as well as by
/// pseudonym, and nobody who does not know the journal's key can make ids that collide.
#[derive(Clone, Debug)]
pub(super) struct Students {
    key: PseudonymKey,
    students: Vec<Student>,
    /// Beside, and not in, `students`, because binary searches visit them all over.
    labels: Vec<Label>,
    free: Vec<StudentIndex>,
    table: HashTable<StudentIndex>,
    sorted: SortedBlocks<StudentIndex>,
}

/// One student.
#[derive(Clone, Debug)]
pub(super) struct Student {
    /// `None` where somebody was erased: not even the text is left.
    id: Option<StudentId>,
    /// Of the scores of all `results`.
    pub(super) sum: Sum,
    /// The results, by exam number.
    pub(super) results: SortedBlocks<Slot>,
    /// Of the last change of any of them.
    pub(super) last: Stamp,
    /// The exam of the last of `results`, so that the common case, a result in a later exam, need
    /// not look it up.
    pub(super) last_exam: ExamIndex,
}

impl Students {
    pub(super) fn new(key: PseudonymKey) -> Self {
        Self {
            key,
            students: Vec::new(),
            labels: Vec::new(),
            free: Vec::new(),
            table: HashTable::new(),
            sorted: SortedBlocks::default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.sorted.len()
    }

    pub(super) fn get(&self, index: StudentIndex) -> &Student {
        &self.students[index.0 as usize]
    }

    pub(super) fn get_mut(&mut self, index: StudentIndex) -> &mut Student {
        &mut self.students[index.0 as usize]
    }

    pub(super) fn id(&self, index: StudentIndex) -> &StudentId {
        self.get(index).id()
    }

    /// Orders students as their ids do. Changes when students are added: never keep one.
    pub(super) fn label(&self, index: StudentIndex) -> Label {
        self.labels[index.0 as usize]
    }

    pub(super) fn pseudonym(&self, student: &StudentId) -> Pseudonym {
        self.key.pseudonym(student)
    }

    pub(super) fn find(&self, student: &StudentId) -> Option<StudentIndex> {
        self.find_hashed(self.pseudonym(student).hash(), student)
    }

    fn find_hashed(&self, hash: u64, student: &StudentId) -> Option<StudentIndex> {
        self.table.find(hash, |&index| self.id(index) == student).copied()
    }

    /// Who the student with this pseudonym is, if it is anybody: a guess that looks at hashes only.
    pub(super) fn guess(&self, pseudonym: Pseudonym) -> Option<StudentIndex> {
        self.table.find(pseudonym.hash(), |_| true).copied()
    }

    pub(super) fn find_pseudonym(&self, pseudonym: Pseudonym) -> Option<StudentIndex> {
        let same = |index: &StudentIndex| self.pseudonym(self.id(*index)) == pseudonym;
        self.table.find(pseudonym.hash(), same).copied()
    }

    /// The index of `student`, whose pseudonym this is; a new one for a new student, who stands at
    /// `guess` if that is still right.
    pub(super) fn intern(
        &mut self,
        student: &StudentId,
        pseudonym: Pseudonym,
        guess: Option<Place>,
    ) -> StudentIndex {
        let hash = pseudonym.hash();
        self.find_hashed(hash, student).unwrap_or_else(|| self.add(student, hash, guess))
    }

    fn add(&mut self, student: &StudentId, hash: u64, guess: Option<Place>) -> StudentIndex {
        let before = |other| self.id(other) < student;
        let guess = guess.filter(|&place| self.sorted.is_partition_point(place, before));
        let place = guess.unwrap_or_else(|| self.place_of(student));
        let added = Student {
            id: Some(student.clone()),
            sum: Sum::default(),
            results: SortedBlocks::default(),
            last: Stamp::default(),
            last_exam: ExamIndex(0),
        };
        let index = if let Some(index) = self.free.pop() {
            *self.get_mut(index) = added;
            index
        } else {
            self.students.push(added);
            self.labels.push(labels::LOWEST);
            let index = u32::try_from(self.students.len() - 1);
            StudentIndex(index.expect("invariant: a gradebook has at most 2^32 students"))
        };
        let (students, key) = (&self.students, self.key);
        let rehash = |index: &StudentIndex| key.pseudonym(students[index.0 as usize].id()).hash();
        self.table.insert_unique(hash, index, rehash);
        labels::label_new(&mut self.labels, &self.sorted, place, index);
        self.sorted.insert(place, index);
        index
    }

    /// Forgets a student, whose results are gone already.
    pub(super) fn remove(&mut self, index: StudentIndex) {
        let Some(student) = self.get_mut(index).id.take() else { return };
        let hash = self.pseudonym(&student).hash();
        if let Ok(entry) = self.table.find_entry(hash, |&other| other == index) {
            entry.remove();
        }
        let label = self.label(index);
        self.sorted.remove(self.sorted.partition_point(|other| self.label(other) < label));
        self.free.push(index);
    }

    /// Where these students would stand, who are not held. Waits for memory once for all of them.
    pub(super) fn places_of_newcomers<const COUNT: usize>(
        &self,
        ids: [Option<&StudentId>; COUNT],
    ) -> [Option<Place>; COUNT] {
        if ids.iter().all(Option::is_none) {
            return [None; COUNT];
        }
        let places = SortedBlocks::partition_points(
            ids.map(|id| id.map(|_| &self.sorted)),
            |number, other| ids[number].is_some_and(|id| self.id(other) < id),
        );
        std::array::from_fn(|number| ids[number].map(|_| places[number]))
    }

    /// The label of the student before `place`.
    pub(super) fn label_before(&self, place: Place) -> Label {
        self.sorted.before(place).next().map_or(labels::LOWEST, |index| self.label(index))
    }

    /// Before the first student whose id is not below this one.
    fn place_of(&self, student: &StudentId) -> Place {
        match self.sorted.last() {
            Some(last) if self.id(last) >= student => {
                self.sorted.partition_point(|other| self.id(other) < student)
            }
            _ => self.sorted.end(),
        }
    }

    /// The label that separates the students after `student` from the others, whether or not
    /// `student` is held: those with a greater label, or with a lesser one where `descending`.
    pub(super) fn label_bound(&self, student: &StudentId, descending: bool) -> Label {
        if let Some(index) = self.find(student) {
            return self.label(index);
        }
        let place = self.place_of(student);
        let (beside, none) = if descending {
            (self.sorted.at(place), labels::HIGHEST)
        } else {
            (self.sorted.before(place).next(), labels::LOWEST)
        };
        beside.map_or(none, |index| self.label(index))
    }

    /// All students, in the order in which they lie in memory.
    pub(super) fn indexes(&self) -> impl Iterator<Item = StudentIndex> {
        let held = self.students.iter().zip(0..).filter(|(student, _)| student.id.is_some());
        held.map(|(_, index)| StudentIndex(index))
    }

    /// The students in order.
    pub(super) fn sorted(&self) -> &SortedBlocks<StudentIndex> {
        &self.sorted
    }
}

impl Student {
    pub(super) fn id(&self) -> &StudentId {
        self.id.as_ref().expect("invariant: nobody refers to an erased student")
    }
}
