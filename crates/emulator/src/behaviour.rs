//! How long things take: data, never an `if`. `instant` is what a developer wants to wait for,
//! `aws` is what AWS takes.

/// The times and waits that one emulator keeps. All times are milliseconds.
///
/// # Examples
/// ```
/// use pipectl_emulator::Behaviour;
/// assert_eq!(Behaviour::named("aws"), Some(&Behaviour::AWS));
/// assert_eq!(Behaviour::named("fast"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// What users call it.
    pub name: &'static str,
    /// Whether failed messages of a batch stay hidden for the rest of their visibility timeout, and
    /// are not visible again at once (aws-behaviours E9).
    pub failed_messages_wait: bool,
    /// Whether a mapping receives before it knows that its function may run, so that a throttle uses up
    /// a receive (aws-behaviours E10).
    pub throttles_cost_receives: bool,
    /// How long an event that was accepted waits before its function first sees it. AWS promises nothing.
    pub async_delivery_ms: i64,
    /// How long a mapping that found its queue empty takes to see a message that came. AWS's mappings poll all the
    /// time.
    pub mapping_look_ms: i64,
    /// Waits before the first and the second retry of an asynchronous invocation that failed
    /// (aws-behaviours L21; AWS waits one and two minutes).
    pub async_retry_ms: [i64; 2],
    /// First wait of an asynchronous invocation that was throttled; it doubles up to
    /// [`Behaviour::async_throttle_max_ms`]. 0: it waits for a free environment.
    pub async_throttle_ms: i64,
    /// Longest wait of an asynchronous invocation that was throttled (AWS: five minutes).
    pub async_throttle_max_ms: i64,
    /// How long a new function is `Pending` (aws-behaviours L1).
    pub function_pending_ms: i64,
    /// How long an update of a function is `InProgress` (aws-behaviours L3).
    pub function_update_ms: i64,
    /// How long a mapping is `Creating`, `Updating`, `Enabling`, `Disabling` or `Deleting`
    /// (aws-behaviours E2).
    pub mapping_change_ms: i64,
    /// How long the name of a deleted queue cannot be used again (aws-behaviours Q1).
    pub queue_name_ms: i64,
    /// How long after a purge the next one is refused (aws-behaviours Q13).
    pub purge_ms: i64,
    /// How long a new table is `CREATING` (aws-behaviours D1).
    pub table_creating_ms: i64,
    /// How long a deleted table is `DELETING` (aws-behaviours D14).
    pub table_deleting_ms: i64,
    /// How long after a change of a table's time to live the next one is refused
    /// (aws-behaviours D4).
    pub ttl_cool_down_ms: i64,
}

impl Behaviour {
    /// Everything at once: the default.
    pub const INSTANT: Self = Self {
        name: "instant",
        failed_messages_wait: false,
        throttles_cost_receives: false,
        async_delivery_ms: 0,
        mapping_look_ms: 0,
        async_retry_ms: [0, 0],
        async_throttle_ms: 0,
        async_throttle_max_ms: 0,
        function_pending_ms: 0,
        function_update_ms: 0,
        mapping_change_ms: 0,
        queue_name_ms: 0,
        purge_ms: 0,
        table_creating_ms: 0,
        table_deleting_ms: 0,
        ttl_cool_down_ms: 0,
    };

    /// AWS's times, as far as docs/aws-behaviours.md has them; where AWS's own vary, about the
    /// middle of what was seen.
    pub const AWS: Self = Self {
        name: "aws",
        failed_messages_wait: true,
        throttles_cost_receives: true,
        async_delivery_ms: 0,
        mapping_look_ms: 0,
        async_retry_ms: [60_000, 120_000],
        async_throttle_ms: 1_000,
        async_throttle_max_ms: 300_000,
        function_pending_ms: 2_000,
        function_update_ms: 1_000,
        mapping_change_ms: 5_000,
        queue_name_ms: 60_000,
        purge_ms: 60_000,
        table_creating_ms: 6_500,
        table_deleting_ms: 5_000,
        ttl_cool_down_ms: 1_872_000,
    };

    /// All there are, the default first.
    pub const ALL: [&'static Self; 2] = [&Self::INSTANT, &Self::AWS];

    /// The one that users call `name`.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|one| one.name == name)
    }
}
