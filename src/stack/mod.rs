//! Stage 1: a stack file becomes a validated [`Stack`](model::Stack), or all of its errors at once.

pub mod model;
