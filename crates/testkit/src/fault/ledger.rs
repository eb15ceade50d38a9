//! What arrived and what is armed: decides which fault hits a call at the moment of its arrival, so that
//! calls at the same time get numbers of their own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::operation::{self, Named};
use super::{Call, Fault};

/// Called with every call that arrives.
pub(super) type Hook = Arc<dyn Fn(&Call) + Send + Sync>;

/// Calls, faults and the hook of one proxy.
#[derive(Default)]
pub(super) struct Ledger(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    /// Calls before the first of `calls`, which a reset took away.
    forgotten: usize,
    calls: Vec<Call>,
    faults: Vec<Armed>,
    hook: Option<Hook>,
}

/// A fault, and when it first hit.
struct Armed {
    fault: Fault,
    first_hit: Option<Instant>,
}

impl Armed {
    /// Does it hit a call that comes after these?
    fn hits(&self, call: &Call, earlier: &[Call]) -> bool {
        let fault = &self.fault;
        let earlier = match &fault.after {
            None => earlier,
            Some(operation) => match earlier.iter().position(|c| c.operation == *operation) {
                Some(at) => &earlier[at + 1..],
                None => return false,
            },
        };
        let over = |time: Duration| self.first_hit.is_some_and(|first| first.elapsed() > time);
        fault.counts(call)
            && !fault.lasts.is_some_and(over)
            && fault.hits(1 + earlier.iter().filter(|c| fault.counts(c)).count())
    }
}

/// A call that was just written down.
pub(super) struct Arrival {
    /// By which [`Ledger::answered`] finds it again.
    pub id: usize,
    pub call: Call,
    pub hook: Option<Hook>,
}

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        // No half of a change is ever visible: each is one push or one assignment.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a call down. Of the faults that hit it, the one armed first counts.
    pub(super) fn arrived(&self, named: &Named) -> Arrival {
        let mut pages = self.pages();
        let mut call = Call {
            writes: operation::writes(&named.operation),
            service: named.service.clone(),
            operation: named.operation.clone(),
            nth: 0,
            resource: named.resource.clone(),
            status: None,
            fault: None,
        };
        let Pages { calls, faults, .. } = &mut *pages;
        let same = |c: &&Call| c.service == call.service && c.operation == call.operation;
        call.nth = 1 + calls.iter().filter(same).count();
        if let Some(hit) = faults.iter_mut().find(|armed| armed.hits(&call, calls)) {
            hit.first_hit.get_or_insert_with(Instant::now);
            call.fault = Some(hit.fault.kind.clone());
        }
        pages.calls.push(call.clone());
        Arrival {
            id: pages.forgotten + pages.calls.len() - 1,
            call,
            hook: pages.hook.clone(),
        }
    }

    /// Notes the status of a call, unless a reset took the call away.
    pub(super) fn answered(&self, id: usize, status: u16) {
        let mut pages = self.pages();
        let at = id.checked_sub(pages.forgotten);
        if let Some(call) = at.and_then(|at| pages.calls.get_mut(at)) {
            call.status = Some(status);
        }
    }

    pub(super) fn calls(&self) -> Vec<Call> {
        self.pages().calls.clone()
    }

    pub(super) fn reset(&self) {
        let mut pages = self.pages();
        pages.forgotten += pages.calls.len();
        pages.calls.clear();
    }

    pub(super) fn arm(&self, fault: Fault) {
        self.pages().faults.push(Armed {
            fault,
            first_hit: None,
        });
    }

    pub(super) fn disarm(&self) {
        self.pages().faults.clear();
    }

    pub(super) fn set_hook(&self, hook: Hook) {
        self.pages().hook = Some(hook);
    }
}

#[cfg(test)]
mod tests {
    use super::super::FaultKind;
    use super::super::operation::Protocol;
    use super::*;

    fn arrive(ledger: &Ledger, service: &str, operation: &str, resource: &str) -> Arrival {
        ledger.arrived(&Named {
            service: service.to_owned(),
            operation: operation.to_owned(),
            resource: resource.to_owned(),
            protocol: Protocol::Json,
        })
    }

    /// Which of six calls of `sqs:Send`, on `a` and `b` in turn, a fault hits.
    fn hits(fault: Fault) -> Vec<usize> {
        let ledger = Ledger::default();
        ledger.arm(fault);
        (1..=6)
            .filter(|number| {
                let resource = if number % 2 == 1 { "a" } else { "b" };
                arrive(&ledger, "lambda", "Send", resource);
                let arrival = arrive(&ledger, "sqs", "Send", resource);
                assert_eq!(arrival.call.nth, *number);
                arrival.call.fault.is_some()
            })
            .collect()
    }

    #[test]
    fn a_fault_hits_the_calls_that_it_counts() {
        let fault = |operation: &str| Fault::new(operation, FaultKind::CutAfter);
        for (fault, expected) in [
            (fault("sqs:Send"), vec![1]),
            (fault("sqs:Send").nth(3).times(2), vec![3, 4]),
            (fault("sqs:Send").nth(5).times(usize::MAX), vec![5, 6]),
            (fault("sqs:Send").nth(2).on("a"), vec![3]),
            (fault("sqs:*").nth(2).times(2).on("b"), vec![4, 6]),
            (fault("sqs:Send").times(0), vec![]),
            (fault("sqs:Send").on("c"), vec![]),
            (fault("lambda:Send"), vec![]),
            (fault("Other"), vec![]),
            (fault("sqs:Send").after("Send"), vec![1]),
            (fault("sqs:Send").on("b").nth(2).after("Send"), vec![4]),
            (fault("sqs:Send").after("Other"), vec![]),
            // These count Lambda's calls, too, which come before.
            (fault("Send").nth(2), vec![1]),
            (fault("*").nth(3).times(2), vec![2]),
        ] {
            assert_eq!(hits(fault.clone()), expected, "{fault:?}");
        }
    }

    #[test]
    fn the_fault_armed_first_counts_and_disarming_takes_all() {
        let ledger = Ledger::default();
        ledger.arm(Fault::new("Send", FaultKind::RefuseBefore).nth(2));
        ledger.arm(Fault::new("Send", FaultKind::CutAfter).times(usize::MAX));
        let next = || arrive(&ledger, "sqs", "Send", "").call.fault;
        assert_eq!(next(), Some(FaultKind::CutAfter));
        assert_eq!(next(), Some(FaultKind::RefuseBefore));
        assert_eq!(next(), Some(FaultKind::CutAfter));
        ledger.disarm();
        assert_eq!(next(), None);
    }

    #[test]
    fn a_fault_may_last_for_a_time() {
        let ledger = Ledger::default();
        let kind = FaultKind::RefuseBefore;
        let hour = Duration::from_secs(3_600);
        ledger.arm(Fault::new("Send", kind.clone()).lasting(Duration::ZERO));
        ledger.arm(Fault::new("Receive", kind.clone()).nth(2).lasting(hour));
        let hit = |operation| arrive(&ledger, "sqs", operation, "").call.fault.is_some();
        assert!(hit("Send"));
        assert!(!hit("Receive") && hit("Receive") && hit("Receive"));
        // No clock is that coarse.
        crate::process::pause_for(Duration::from_millis(1));
        assert!(!hit("Send"));
    }

    #[test]
    fn a_reset_forgets_calls_and_counts_but_no_faults() {
        let ledger = Ledger::default();
        ledger.arm(Fault::new("Send", FaultKind::CutAfter).nth(2));
        let late = arrive(&ledger, "sqs", "Send", "");
        ledger.reset();
        assert_eq!(ledger.calls(), []);
        let first = arrive(&ledger, "sqs", "Send", "");
        assert_eq!((first.call.nth, first.call.fault), (1, None));
        let second = arrive(&ledger, "sqs", "Send", "");
        assert_eq!(second.call.fault, Some(FaultKind::CutAfter));
        // The answer of a call from before does not become that of another.
        ledger.answered(late.id, 500);
        ledger.answered(second.id, 200);
        let statuses: Vec<_> = ledger.calls().iter().map(|call| call.status).collect();
        assert_eq!(statuses, [None, Some(200)]);
    }
}
