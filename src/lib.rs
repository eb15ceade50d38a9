//! pipectl: from a YAML file to a running, measured and trusted event-driven pipeline.
//!
//! ```text
//! stack YAML → Stack (validated, with spans) → Graph → Observed → Plan (pure) → apply
//!                                                            → stream of Events → human | JSON
//! ```
//!
//! One module per stage, in this order; a stage imports only earlier ones plus [`target`] and
//! [`event`] (`tests/layering.rs` checks it).

pub mod apply;
pub mod bench;
pub mod cli;
pub mod compare;
pub mod converge;
pub mod copies;
pub mod cost;
pub mod event;
pub mod exit;
pub mod failure;
pub mod graph;
pub mod number;
pub mod observe;
pub mod operate;
pub mod package;
pub mod parity;
pub mod plan;
pub mod render;
pub mod resource;
pub mod stack;
pub mod target;
pub mod wait;
