//! What acts on a running stack: its status, once and watched, files sent through it, results and logs read
//! from it, its dead letters.

pub mod dead_letters;
pub mod doctor;
pub mod logs;
pub mod pipeline;
pub mod results;
pub mod send;
pub mod status;
mod upload;
pub mod watch;
