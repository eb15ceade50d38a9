//! The fields of every section in one table, with unit, range and default. The reader takes its
//! names and limits from here, the JSON schema its descriptions.

use super::units::Unit;

/// A kind of map in a stack file.
#[derive(Debug)]
pub(super) struct Section {
    /// With article, for messages: `a queue`.
    pub(super) what: &'static str,
    /// Name of its type in [`super::raw`] and in the schema.
    pub(super) definition: &'static str,
    /// What may be in it.
    pub(super) fields: &'static [Field],
}

/// A field of a section.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

/// What a field holds, as far as a table can say.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// `true` or `false`, false by default.
    Flag,
    /// A quantity.
    Number {
        unit: Unit,
        min: u32,
        max: u32,
        default: Option<u32>,
    },
    /// One of a few words; the first is the default.
    Word(&'static [&'static str]),
    /// Something that its reader knows.
    Other,
}

impl Section {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.fields.iter().map(|field| field.name)
    }
}

impl Shape {
    /// Range and default, for descriptions: `0s to 12h; default 30s`.
    pub(super) fn note(self) -> Option<String> {
        match self {
            Self::Flag => Some("default false".to_owned()),
            Self::Number {
                unit,
                min,
                max,
                default,
            } => {
                let mut note = format!("{} to {}", unit.show(min), unit.show(max));
                if let Some(default) = default {
                    note.push_str("; default ");
                    note.push_str(&unit.show(default));
                }
                Some(note)
            }
            Self::Word(words) => words.first().map(|word| format!("default {word}")),
            Self::Other => None,
        }
    }
}

const fn required(name: &'static str) -> Field {
    Field {
        name,
        required: true,
        shape: Shape::Other,
    }
}

pub(super) const fn optional(name: &'static str) -> Field {
    Field {
        name,
        required: false,
        shape: Shape::Other,
    }
}

pub(super) const fn flag(name: &'static str) -> Field {
    Field {
        name,
        required: false,
        shape: Shape::Flag,
    }
}

pub(super) const fn number(
    name: &'static str,
    unit: Unit,
    range: (u32, u32),
    default: Option<u32>,
) -> Field {
    let shape = Shape::Number {
        unit,
        min: range.0,
        max: range.1,
        default,
    };
    Field {
        name,
        required: false,
        shape,
    }
}

pub(super) const STACK: Section = Section {
    what: "a stack file",
    definition: "Stack",
    fields: &[
        required("stack"),
        optional("permissions_boundary"),
        optional("buckets"),
        optional("queues"),
        optional("tables"),
        optional("functions"),
        optional("wiring"),
        optional("templates"),
        optional("outputs"),
        optional("tests"),
        optional("targets"),
    ],
};

pub(super) const BUCKET: Section = Section {
    what: "a bucket",
    definition: "Bucket",
    fields: &[
        flag("versioning"),
        number("expire_after", Unit::Days, (1, 36_500), None),
        flag("retain"),
    ],
};

pub(super) const QUEUE: Section = Section {
    what: "a queue",
    definition: "Queue",
    fields: &[
        number("visibility_timeout", Unit::Seconds, (0, 43_200), Some(30)),
        number("retention", Unit::Seconds, (60, 1_209_600), Some(345_600)),
        number("delay", Unit::Seconds, (0, 900), Some(0)),
        optional("dead_letter"),
        flag("retain"),
    ],
};

pub(super) const DEAD_LETTER: Section = Section {
    what: "`dead_letter`",
    definition: "DeadLetter",
    fields: &[
        required("queue"),
        // Five is what AWS advises for queues that feed functions. // aws-behaviours Q7
        number("max_receives", Unit::Count, (1, 1_000), Some(5)),
    ],
};

pub(super) const TABLE: Section = Section {
    what: "a table",
    definition: "Table",
    fields: &[
        required("partition_key"),
        optional("sort_key"),
        optional("ttl"),
        optional("indexes"),
        flag("retain"),
    ],
};

pub(super) const INDEX: Section = Section {
    what: "an index",
    definition: "Index",
    fields: &[required("partition_key"), optional("sort_key")],
};

pub(super) const KEY: Section = Section {
    what: "a key",
    definition: "TypedKey",
    fields: &[
        required("name"),
        Field {
            name: "type",
            required: false,
            shape: Shape::Word(&["string", "number", "binary"]),
        },
    ],
};

pub(super) const FUNCTION: Section = Section {
    what: "a function",
    definition: "Function",
    fields: &[
        optional("crate"),
        optional("artifact"),
        number("memory", Unit::Megabytes, (128, 10_240), Some(128)),
        number("timeout", Unit::Seconds, (1, 900), Some(3)),
        Field {
            name: "architecture",
            required: false,
            shape: Shape::Word(&["host", "arm64", "x86_64"]),
        },
        optional("environment"),
        optional("access"),
        optional("role"),
        optional("on_failure"),
        number("async_retries", Unit::Count, (0, 2), Some(2)),
        number("reserved_concurrency", Unit::Count, (0, 100_000), None),
        number("log_retention", Unit::Days, (1, 3_653), Some(14)),
    ],
};

pub(super) const ACCESS: Section = Section {
    what: "an entry of `access`",
    definition: "Access",
    fields: &[optional("read"), optional("write"), optional("send")],
};

pub(super) const WIRING: Section = Section {
    what: "a wiring",
    definition: "Wiring",
    fields: &[
        required("from"),
        required("to"),
        optional("events"),
        optional("prefix"),
        optional("suffix"),
        number("batch", Unit::Count, (1, 10_000), Some(10)),
        number("window", Unit::Seconds, (0, 300), Some(0)),
        // aws-behaviours E5
        number("max_concurrency", Unit::Count, (2, 1_000), None),
    ],
};

/// Fields of a wiring from a bucket, besides `from` and `to`.
pub(super) const WIRING_FROM_BUCKET: &[&str] = &["events", "prefix", "suffix"];
/// Fields of a wiring from a queue, besides `from` and `to`.
pub(super) const WIRING_FROM_QUEUE: &[&str] = &["batch", "window", "max_concurrency"];

pub(super) const TEMPLATE: Section = Section {
    what: "a template",
    definition: "Template",
    fields: &[
        required("file"),
        optional("parameters"),
        optional("capabilities"),
    ],
};

pub(super) const TEST: Section = Section {
    what: "a test",
    definition: "Test",
    fields: &[
        required("upload"),
        optional("key"),
        required("expect"),
        number("within", Unit::Seconds, (1, 900), Some(30)),
    ],
};

pub(super) const EXPECTATION: Section = Section {
    what: "an entry of `expect`",
    definition: "Expectation",
    fields: &[optional("item"), optional("message"), optional("log")],
};

pub(super) const ITEM: Section = Section {
    what: "an item",
    definition: "Item",
    fields: &[required("table"), required("has")],
};

pub(super) const MESSAGE: Section = Section {
    what: "a message",
    definition: "Message",
    fields: &[required("queue"), required("contains")],
};

pub(super) const LOG: Section = Section {
    what: "a line of a log",
    definition: "LogLine",
    fields: &[required("function"), required("contains")],
};

/// All of them.
pub(super) const SECTIONS: &[&Section] = &[
    &STACK,
    &BUCKET,
    &QUEUE,
    &DEAD_LETTER,
    &TABLE,
    &INDEX,
    &KEY,
    &FUNCTION,
    &ACCESS,
    &WIRING,
    &TEMPLATE,
    &TEST,
    &EXPECTATION,
    &ITEM,
    &MESSAGE,
    &LOG,
];

/// Days that CloudWatch Logs can keep log events.
pub(super) const LOG_RETENTION_DAYS: &[u32] = &[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1_096, 1_827, 2_192, 2_557,
    2_922, 3_288, 3_653,
];
