//! Does the pipeline do the same on both targets? One catalogue of scenarios is played on each, with a copy of the
//! user's own stack, and what can be seen from outside is compared: results, dead letters, what logs say of errors,
//! states as the services tell them. Times are no part of it.
//!
//! [`parts`] says what of a stack scenarios work with, [`catalogue`] which there are and what AWS does in each,
//! [`world`] is a copy on one target, [`run`] plays, [`matrix`] compares. [`front`] stands before each function of a
//! copy, so that a scenario can ask for a crash. docs/parity.md tells what it is for.

pub mod adjust;
mod calls;
pub mod catalogue;
mod changes;
pub mod error;
pub mod estimate;
mod events;
mod files;
pub mod front;
mod functions;
mod infrastructure;
mod letters;
pub mod markdown;
pub mod matrix;
mod own;
mod pace;
pub mod parts;
mod queues;
pub mod run;
pub mod seen;
pub mod store;
mod tables;
mod traces;
mod world;

pub use error::ParityError;
pub use matrix::{Matrix, Verdict};
