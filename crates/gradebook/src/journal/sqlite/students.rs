//! Every student of the file by heart, so that an entry needs a number only.

use std::hash::BuildHasher as _;

use gradebook_core::StudentId;
use hashbrown::{DefaultHashBuilder, HashTable};

/// The students of one file: number → id, and id → number. Numbers are dense, from 1.
#[derive(Default)]
pub struct Students {
    ids: Vec<Option<StudentId>>,
    numbers: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Students {
    /// How many numbers have been given: the largest of them.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// The id with this number; `None` when it was never given, or its student was erased.
    pub fn id(&self, number: i64) -> Option<&StudentId> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.ids.get(index)?.as_ref()
    }

    /// The number of this id.
    pub fn number(&self, id: &StudentId) -> Option<u32> {
        let same = |number: &u32| self.ids[*number as usize - 1].as_ref() == Some(id);
        self.numbers.find(self.hasher.hash_one(id), same).copied()
    }

    /// Gives the next number to `id`, which has none.
    pub fn add(&mut self, id: StudentId) -> u32 {
        let Self { ids, numbers, hasher } = self;
        let hash = hasher.hash_one(&id);
        ids.push(Some(id));
        let number = u32::try_from(ids.len()).expect("invariant: fewer than 2^32 students");
        numbers.insert_unique(hash, number, |number| {
            let id = ids[*number as usize - 1].as_ref();
            hasher.hash_one(id.expect("invariant: an erased student has no entry in the table"))
        });
        number
    }

    /// Uses up the next number, for a student who was erased.
    pub fn add_erased(&mut self) {
        self.ids.push(None);
    }

    /// Forgets `id`, whose number is not given again.
    pub fn erase(&mut self, id: &StudentId) {
        let Some(number) = self.forget(id) else { return };
        self.ids[number as usize - 1] = None;
    }

    /// Takes back every number above `len`.
    pub fn truncate(&mut self, len: usize) {
        while self.ids.len() > len {
            if let Some(id) = self.ids.last().cloned().flatten() {
                self.forget(&id);
            }
            self.ids.pop();
        }
    }

    fn forget(&mut self, id: &StudentId) -> Option<u32> {
        let hash = self.hasher.hash_one(id);
        let Self { ids, numbers, .. } = self;
        let same = |number: &u32| ids[*number as usize - 1].as_ref() == Some(id);
        numbers.find_entry(hash, same).ok().map(|found| found.remove().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> StudentId {
        StudentId::parse(text).unwrap()
    }

    #[test]
    fn numbers_are_dense_and_never_given_twice() {
        let mut students = Students::default();
        for number in 1..=1_000 {
            let name = id(&format!("student {number}"));
            assert_eq!(students.number(&name), None);
            assert_eq!(students.add(name.clone()), number);
            assert_eq!(students.number(&name), Some(number));
            assert_eq!(students.id(i64::from(number)), Some(&name));
        }
        students.erase(&id("student 7"));
        assert_eq!((students.id(7), students.number(&id("student 7"))), (None, None));
        assert_eq!(students.add(id("student 7")), 1_001);
        assert_eq!((students.id(0), students.id(-1), students.id(1_002)), (None, None, None));
    }

    #[test]
    fn what_is_taken_back_is_as_if_it_had_never_been() {
        let mut students = Students::default();
        students.add(id("a"));
        students.add(id("b"));
        students.add_erased();
        students.truncate(1);
        assert_eq!((students.len(), students.number(&id("b"))), (1, None));
        assert_eq!((students.number(&id("a")), students.add(id("c"))), (Some(1), 2));
    }
}
