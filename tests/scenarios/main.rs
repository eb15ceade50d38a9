//! The engine on the embedded target, in one process: every call of `up`, of an updating `up` and of
//! `down` goes wrong once and for good, and the next run converges; random stacks come up whole and go
//! without a trace; several at once end as one.

#![allow(clippy::print_stdout)]

mod concurrent;
mod data;
mod foreign;
mod killed;
mod large_code;
mod matrix;
mod property;
mod world;
