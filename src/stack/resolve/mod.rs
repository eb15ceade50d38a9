//! Checks between resources: what AWS would refuse, or do wrongly, is found here, offline, with both
//! places underlined. Values that were refused by themselves are left out, so that a cause has no echo.

mod environment;
mod files;
mod mappings;
mod needs;
mod notifications;
mod queues;
mod rings;
mod tables;
mod templates;
mod tests;

use super::checker::Checker;
use super::read::Parsed;

/// Tells the checker of everything that does not fit together.
pub(super) fn check(cx: &Checker<'_>, parsed: &Parsed) {
    queues::check(cx, &parsed.stack);
    tables::check(cx, &parsed.stack);
    environment::check(cx, &parsed.stack);
    needs::check(cx, &parsed.stack);
    notifications::check(cx, parsed);
    mappings::check(cx, parsed);
    files::check(cx, &parsed.stack);
    templates::check(cx, &parsed.stack);
    tests::check(cx, &parsed.stack);
}
