//! Dead letters on both halves of a pipeline: messages that a queue gave up, or a function set aside, and
//! records of asynchronous invocations that used up their retries. They are found from the stack, so this
//! works for any stack and knows no queue by name.
//!
//! [`queues`] says which queues hold them, [`read`] what a message tells, [`peek`] looks without taking
//! anything away, [`choose`] finds the ones that are meant, [`redrive`] sends them through the pipeline
//! again and [`discard`] deletes them.

pub mod choose;
pub mod discard;
mod error;
mod logs;
mod moves;
pub mod peek;
pub mod queues;
pub mod read;
pub mod redrive;
mod rounds;

pub use choose::{Meant, choose};
pub use error::DeadLetterError;
pub use logs::explain;
pub use peek::{Look, look};
pub use queues::DeadLetterQueue;
pub use read::DeadLetter;
pub use rounds::{Desk, How, NotSettled, Report, Settled};

#[cfg(test)]
mod tests;
