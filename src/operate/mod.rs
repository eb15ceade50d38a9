//! What acts on a running stack: its status, files sent through it, results read from it, its dead letters.

pub mod dead_letters;
pub mod doctor;
pub mod pipeline;
pub mod results;
pub mod send;
pub mod status;
mod upload;
