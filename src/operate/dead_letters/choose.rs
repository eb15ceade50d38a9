//! Which letters are meant: by the id of the message or of the job, or by the beginning of one.

use std::collections::BTreeSet;

use super::{DeadLetter, DeadLetterError};

/// What somebody names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// All of them.
    All,
    /// These ids, or beginnings of them.
    Ids(Vec<String>),
}

/// Letters that are meant, and ids that are of none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Ids of messages.
    pub messages: BTreeSet<String>,
    /// Ids that fit nothing, as given.
    pub missing: Vec<String>,
}

/// Finds the letters that are meant. A job may wait more than once: its id means all of these.
pub fn choose(letters: &[DeadLetter], meant: &Meant) -> Result<Chosen, DeadLetterError> {
    let mut chosen = Chosen::default();
    let ids = match meant {
        Meant::All => {
            chosen.messages = letters.iter().map(|l| l.message_id.clone()).collect();
            return Ok(chosen);
        }
        Meant::Ids(ids) => ids,
    };
    for id in ids {
        let found = named(letters, id)?;
        if found.is_empty() {
            chosen.missing.push(id.clone());
        }
        chosen.messages.extend(found);
    }
    Ok(chosen)
}

fn named(letters: &[DeadLetter], id: &str) -> Result<BTreeSet<String>, DeadLetterError> {
    let exact = letters.iter().filter(|letter| {
        letter.message_id == id || letter.files.iter().any(|file| file.job_id == id)
    });
    let exact: BTreeSet<String> = exact.map(|letter| letter.message_id.clone()).collect();
    if !exact.is_empty() {
        return Ok(exact);
    }
    let mut messages = BTreeSet::new();
    // A message by its own id, or by the job that it is about: what has to be only one.
    let mut subjects = BTreeSet::new();
    for letter in letters {
        if letter.message_id.starts_with(id) {
            messages.insert(letter.message_id.clone());
            subjects.insert(letter.message_id.clone());
        }
        for file in letter.files.iter().filter(|f| f.job_id.starts_with(id)) {
            messages.insert(letter.message_id.clone());
            subjects.insert(file.job_id.clone());
        }
    }
    if subjects.len() > 1 {
        return Err(DeadLetterError::Ambiguous {
            id: id.to_owned(),
            found: subjects.into_iter().collect::<Vec<_>>().join(", "),
        });
    }
    Ok(messages)
}
