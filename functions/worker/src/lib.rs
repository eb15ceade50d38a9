//! The worker function: reads each job's file as a stream, aggregates statistics, writes one result.
//!
//! `main.rs` wires the AWS clients; [`batch`] handles one batch of messages against the trait
//! [`Effects`], [`analyse`] turns bytes into statistics.

pub mod analyse;
pub mod batch;
mod durations;
mod effects;
mod event;
mod letter;
mod source;
mod top;

pub use batch::handle;
pub use effects::{AwsEffects, Effects, Failure, Written};
pub use event::{Answer, Batch, ItemFailure, Message};
pub use letter::Letter;
