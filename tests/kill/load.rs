//! What every lane of load has in common.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use pipectl_testkit::http::Response;
use pipectl_testkit::probe::Probe;

use crate::random::Random;

/// Load of one kind, and the ledger of it: what was attempted, and what of that was acknowledged. A
/// lane is worked by one thread, so that its ledger has an order.
pub trait Lane: Send {
    /// Works until the emulator is gone, or enough is done for one round.
    fn load(&mut self, load: &mut Load<'_>);

    /// Compares what is there with the ledger: what this round touched, or all.
    fn check(&mut self, probe: &Probe, scope: Scope);
}

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// What this round touched, and what all rounds touch.
    Round(usize),
    /// Everything since the start.
    All,
}

/// One round's surroundings for one lane.
pub struct Load<'l> {
    pub probe: &'l Probe,
    pub round: usize,
    pub random: Random,
    /// Set once the emulator is dead.
    pub killed: &'l AtomicBool,
}

impl Load<'_> {
    /// Is the round over?
    pub fn over(&self) -> bool {
        self.killed.load(Ordering::Relaxed)
    }
}

/// The answer, when it came whole: that is what counts as acknowledged. The emulator is killed and
/// not stopped, so an answer other than success is a fault of its own.
pub fn acknowledged(answer: io::Result<Response>) -> Option<Response> {
    let answer = answer.ok()?;
    assert!(
        (200..300).contains(&answer.status),
        "refused: {} {}",
        answer.status,
        answer.text()
    );
    Some(answer)
}
