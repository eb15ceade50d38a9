//! The emulator under faults of the machine and of its callers: damaged stores, a full disk, no more
//! open files, connections that hang, and what must not be in its log.

mod common;
mod contents;
mod damage;
mod limits;
mod secrets;
mod stop;
mod strangers;
