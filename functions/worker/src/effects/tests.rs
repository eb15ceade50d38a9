use super::*;

/// aws-behaviours S19
#[test]
fn what_can_never_be_read_is_told_from_what_may() {
    for (status, code, versioned, expected) in [
        (404, Some("NoSuchKey"), false, Some("not_found")),
        (404, Some("NoSuchVersion"), true, Some("not_found")),
        (404, Some("NoSuchBucket"), false, Some("not_found")),
        (404, None, false, Some("not_found")),
        (404, Some("NotFound"), true, Some("not_found")),
        (405, Some("MethodNotAllowed"), true, Some("not_found")),
        (405, None, true, Some("not_found")),
        (400, Some("NoSuchVersion"), true, Some("not_found")),
        (400, Some("InvalidArgument"), true, Some("not_found")),
        (403, Some("InvalidObjectState"), false, Some("archived")),
        (400, Some("InvalidArgument"), false, None),
        (400, Some("ExpiredToken"), true, None),
        (403, Some("AccessDenied"), true, None),
        (500, Some("InternalError"), true, None),
        (503, Some("SlowDown"), true, None),
    ] {
        let found = unreachable(Some(status), code, versioned).map(|reason| reason.code);
        assert_eq!(found.as_deref(), expected, "{status} {code:?}");
    }
    assert_eq!(unreachable(None, None, true), None, "no answer at all");
}

#[test]
fn what_was_read_goes_with_a_permanent_failure() {
    let until_then = Statistics {
        lines: 7,
        ..Statistics::default()
    };
    let reason = Reason::new("cut_gzip", "cut");
    match Failure::from(Unreadable::Content(reason, Box::new(until_then))) {
        Failure::Permanent(reason, found) => {
            assert_eq!((reason.code.as_str(), found.lines), ("cut_gzip", 7));
        }
        Failure::Transient(error) => panic!("{error}"),
    }
}
