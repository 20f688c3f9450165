//! Student ids that look as if a faker library had made them: `Evan48`, `Susana_Langworth`,
//! `Hannah.Herman76`.
//!
//! An id is computed from its index, so millions of students need no memory, and two indexes never
//! give the same id.

use super::number;

const FIRST: [&str; 64] = [
    "Aaliyah", "Abel", "Adriana", "Albert", "Amanda", "Andre", "Angela", "Arturo", "Beatrice",
    "Bernard", "Bianca", "Caleb", "Camila", "Cecilia", "Clara", "Damon", "Daniela", "Dexter",
    "Edith", "Elias", "Emely", "Esteban", "Evan", "Felicia", "Felix", "Gabriel", "Gloria", "Grant",
    "Hannah", "Harold", "Helena", "Hugo", "Imogen", "Irving", "Isabel", "Jasper", "Joana",
    "Julius", "Kendra", "Kurt", "Lavinia", "Leon", "Lucia", "Malcolm", "Marisa", "Miles", "Nadia",
    "Nelson", "Octavia", "Oscar", "Paula", "Percy", "Quinn", "Ramona", "Roland", "Sabina",
    "Stella", "Susana", "Teresa", "Tobias", "Ursula", "Vernon", "Wanda", "Zora",
];

const LAST: [&str; 64] = [
    "Abbott",
    "Altenwerth",
    "Balistreri",
    "Bartell",
    "Bashirian",
    "Becker",
    "Boyle",
    "Brakus",
    "Cassin",
    "Corwin",
    "Crist",
    "Dach",
    "Denesik",
    "Dickens",
    "Ebert",
    "Emard",
    "Fadel",
    "Feest",
    "Friesen",
    "Gerlach",
    "Gleason",
    "Goyette",
    "Hackett",
    "Hauck",
    "Herman",
    "Hintz",
    "Jacobi",
    "Jenkins",
    "Kautzer",
    "Kessler",
    "Koelpin",
    "Kuhlman",
    "Langworth",
    "Larkin",
    "Lesch",
    "Lubowitz",
    "Mante",
    "Marquardt",
    "Mertz",
    "Mraz",
    "Nader",
    "Nitzsche",
    "Okuneva",
    "Olson",
    "Orn",
    "Pagac",
    "Parisian",
    "Powlowski",
    "Quigley",
    "Raynor",
    "Reichert",
    "Rippin",
    "Sauer",
    "Schamberger",
    "Schoen",
    "Stark",
    "Tillman",
    "Torphy",
    "Upton",
    "Volkman",
    "Waelchi",
    "Weimann",
    "Yundt",
    "Zboncak",
];

const FIRSTS: u64 = FIRST.len() as u64;
const LASTS: u64 = LAST.len() as u64;
const SEPARATORS: u64 = 2;
/// First name, separator and last name, without a number.
const PAIRS: u64 = FIRSTS * SEPARATORS * LASTS;
/// Numbers behind names: two digits at most, until these are used up.
const NUMBERS: u64 = 100;

/// A prime that divides none of the sizes here: multiplying by it visits each remainder once, in
/// an order that looks like none.
const STRIDE: u64 = 1_000_003;

/// The series of random numbers that names are drawn from; see the others in `stream`.
const SERIES: u64 = 8;

/// Appends the id of student `index` (from 0) of the population `seed`.
pub(super) fn push(out: &mut Vec<u8>, seed: u64, index: u64) {
    // A third each is `Evan48`, `Susana_Langworth` and `Hannah.Herman76`. Names in pairs run out
    // first; from then on the second third goes on as the last.
    let (form, nth) = (index % 3, index / 3);
    let offset = |form| number::random(seed, SERIES, form);
    match form {
        0 => {
            let size = FIRSTS * NUMBERS;
            let place = scatter(offset(0), nth, size);
            push_first(out, place);
            number::push(out, nth / size * NUMBERS + place / FIRSTS);
        }
        1 if nth < PAIRS => push_pair(out, scatter(offset(1), nth, PAIRS)),
        _ => {
            let nth = nth * 2 + form - 1;
            let size = PAIRS * NUMBERS;
            let place = scatter(offset(2), nth, size);
            push_pair(out, place % PAIRS);
            number::push(out, nth / size * NUMBERS + place / PAIRS);
        }
    }
}

/// Moves `nth` to another place within its block of `size`; no two of a block meet.
fn scatter(offset: u64, nth: u64, size: u64) -> u64 {
    (nth % size * STRIDE + offset % size) % size
}

fn push_first(out: &mut Vec<u8>, place: u64) {
    out.extend_from_slice(FIRST[(place % FIRSTS) as usize].as_bytes());
}

fn push_pair(out: &mut Vec<u8>, place: u64) {
    push_first(out, place);
    let place = place / FIRSTS;
    out.push(if place.is_multiple_of(SEPARATORS) { b'.' } else { b'_' });
    out.extend_from_slice(LAST[(place / SEPARATORS % LASTS) as usize].as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn id(seed: u64, index: u64) -> String {
        let mut out = Vec::new();
        push(&mut out, seed, index);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn two_million_students_have_two_million_ids() {
        let ids: HashSet<String> = (0..2_000_000).map(|index| id(7, index)).collect();
        assert_eq!(ids.len(), 2_000_000);
    }

    #[test]
    fn the_first_ids_have_all_three_forms_and_short_numbers() {
        let ids: Vec<String> = (0..30).map(|index| id(0, index)).collect();
        assert!(ids.iter().all(|id| id.bytes().filter(u8::is_ascii_digit).count() <= 2), "{ids:?}");
        let pairs = ids.iter().filter(|id| id.contains(['.', '_'])).count();
        let numbers = ids.iter().filter(|id| id.ends_with(|c: char| c.is_ascii_digit())).count();
        assert_eq!((pairs, numbers), (20, 20), "{ids:?}");
    }
}
