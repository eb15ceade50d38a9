//! What can be wrong with a stack file. Every error has a code, the places it is about and a next
//! step; all errors of a file are told at once.

use std::fmt::{self, Display};
use std::path::Path;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// Defines [`Code`], its text and the list of all.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident => $text:literal,)+) => {
        /// Kind of an error in a stack file; stable, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As shown: `stack::unknown_field`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("stack::", $text),)+
                }
            }

            /// What it means, in one sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

codes! {
    /// The file cannot be read.
    Unreadable => "unreadable",
    /// No stack file was named and none was found.
    NoStack => "no_stack",
    /// No stack file was named and several were found.
    SeveralStacks => "several_stacks",
    /// The file is not YAML, or not YAML that a stack can be written in.
    Syntax => "syntax",
    /// A key is there twice.
    DuplicateKey => "duplicate_key",
    /// A value has another type than its field.
    WrongType => "wrong_type",
    /// There is no section of that name.
    UnknownSection => "unknown_section",
    /// There is no field of that name.
    UnknownField => "unknown_field",
    /// A field that must be there is not.
    MissingField => "missing_field",
    /// A field is there that this kind of wiring does not have.
    FieldNotForKind => "field_not_for_kind",
    /// A quantity has no unit, or one that does not fit.
    BadUnit => "bad_unit",
    /// A quantity is outside its range.
    OutOfRange => "out_of_range",
    /// A value is not one of the possible ones.
    UnknownValue => "unknown_value",
    /// A name is not legal for its kind at the target.
    BadName => "bad_name",
    /// An environment variable's name is not legal, or Lambda's own.
    BadVariable => "bad_variable",
    /// A reference is not written as one.
    MalformedReference => "malformed_reference",
    /// A reference leads nowhere.
    UnknownReference => "unknown_reference",
    /// A reference leads to a kind that cannot stand there.
    WrongKind => "wrong_kind",
    /// A kind does not have the attribute.
    AttributeNotAvailable => "attribute_not_available",
    /// Resources need each other in a ring.
    Cycle => "cycle",
    /// A function cannot have that access to that kind.
    AccessNotPossible => "access_not_possible",
    /// Keys of a table contradict each other.
    KeyConflict => "key_conflict",
    /// A queue shows messages again before its function is done.
    VisibilityBelowTimeout => "visibility_below_timeout",
    /// Two wirings would deliver the same event of a bucket.
    OverlappingNotifications => "overlapping_notifications",
    /// A function may write where its own trigger is.
    SelfTrigger => "self_trigger",
    /// The environment of a function is larger than Lambda takes.
    EnvironmentTooLarge => "environment_too_large",
    /// A batch of more than ten messages has no window to fill in.
    BatchNeedsWindow => "batch_needs_window",
    /// A mapping may run more invocations than its function has concurrency.
    ConcurrencyAboveReserved => "concurrency_above_reserved",
    /// A dead letter queue keeps messages for less time than the queue it serves.
    DeadLetterRetention => "dead_letter_retention",
    /// A queue is wired to the same function twice.
    DuplicateMapping => "duplicate_mapping",
    /// Two parts of the stack would have the same name at the target.
    NameCollision => "name_collision",
    /// There is no crate in the directory.
    CrateNotFound => "crate_not_found",
    /// There is no zip at the path.
    ArtifactNotFound => "artifact_not_found",
    /// A function has both a crate and a zip.
    TwoSources => "two_sources",
    /// There is no template file at the path.
    TemplateNotFound => "template_not_found",
    /// A template is not one that CloudFormation can read.
    BadTemplate => "bad_template",
    /// A template is larger than CloudFormation takes.
    TemplateTooLarge => "template_too_large",
    /// A parameter of a template is given and not declared, or declared and not given.
    TemplateParameter => "template_parameter",
    /// A template does what CloudFormation wants consent to, and the stack gives none.
    TemplateCapabilities => "template_capabilities",
    /// There is no file that a test could upload.
    TestFileNotFound => "test_file_not_found",
    /// A test looks for a message where a function takes it away.
    QueueIsRead => "queue_is_read",
    /// A target overrides something that the stack does not have.
    UnknownOverride => "unknown_override",
}

impl Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One error in a stack file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StackError {
    code: Code,
    message: String,
    /// The first is where the error is; others are what it contradicts.
    labels: Vec<(SourceSpan, String)>,
    help: String,
    /// The text that the places are in, where it is not that of the stack file.
    elsewhere: Option<Elsewhere>,
}

/// A text of another file.
#[derive(Debug, Clone)]
struct Elsewhere {
    source: Arc<NamedSource<String>>,
    /// Where the stack file names that file, if it does.
    named_at: Option<SourceSpan>,
}

impl Elsewhere {
    fn new(named_at: Option<SourceSpan>, file: &Path, text: &str) -> Self {
        let source = NamedSource::new(file.display().to_string(), text.to_owned());
        Self {
            source: Arc::new(source.with_language("yaml")),
            named_at,
        }
    }
}

impl PartialEq for Elsewhere {
    fn eq(&self, other: &Self) -> bool {
        self.source.name() == other.source.name()
    }
}

impl Eq for Elsewhere {}

impl StackError {
    /// An error without a place yet; `help` is the next step.
    pub(super) fn new(code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            labels: Vec::new(),
            help: help.into(),
            elsewhere: None,
        }
    }

    /// Of two texts one after the other, places at `second` and later are in the second, which is that of
    /// `file`. An error that has places in both is shown in the second: there is what made it one.
    pub(super) fn split_at(mut self, second: usize, file: &Path, text: &str) -> Self {
        if self.elsewhere.is_none() && self.labels.iter().any(|(span, _)| span.offset() >= second) {
            self.labels.retain(|(span, _)| span.offset() >= second);
            for (span, _) in &mut self.labels {
                *span = (span.offset() - second, span.len()).into();
            }
            self.elsewhere = Some(Elsewhere::new(None, file, text));
        }
        self
    }

    /// Its places are in another file, which the stack file names at `named_at`.
    #[must_use]
    pub(super) fn in_file(mut self, named_at: SourceSpan, file: &Path, text: &str) -> Self {
        self.elsewhere = Some(Elsewhere::new(Some(named_at), file, text));
        self
    }

    /// Adds a place (bytes of the file) and what is to be seen there.
    #[must_use]
    pub(super) fn at(mut self, span: SourceSpan, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The places, as bytes of the file; the first is where the error is.
    pub fn places(&self) -> impl Iterator<Item = SourceSpan> {
        self.labels.iter().map(|(span, _)| *span)
    }

    /// The places in the text that was read: of an error in a file that is named there, where it is named.
    pub(super) fn causes(&self) -> impl Iterator<Item = SourceSpan> {
        let named_at = self.elsewhere.as_ref().and_then(|other| other.named_at);
        let places = self.places().filter(move |_| named_at.is_none());
        named_at.into_iter().chain(places)
    }

    /// The next step.
    pub fn next_step(&self) -> &str {
        &self.help
    }

    fn order(&self) -> (usize, usize, Code, &str) {
        let start = |span: Option<SourceSpan>| span.map_or(0, |span| span.offset());
        let place = start(self.places().next());
        (start(self.causes().next()), place, self.code, &self.message)
    }
}

impl Diagnostic for StackError {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.elsewhere
            .as_ref()
            .map(|elsewhere| &*elsewhere.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() {
            return None;
        }
        Some(Box::new(self.labels.iter().enumerate().map(
            |(index, (span, label))| {
                let label = Some(label.clone());
                if index == 0 {
                    LabeledSpan::new_primary_with_span(label, *span)
                } else {
                    LabeledSpan::new_with_span(label, *span)
                }
            },
        )))
    }
}

/// All errors of one stack file, in the order of their places.
#[derive(Debug, thiserror::Error)]
#[error("{summary}")]
pub struct StackErrors {
    summary: String,
    source_code: Option<Box<NamedSource<String>>>,
    errors: Vec<StackError>,
}

impl StackErrors {
    /// Errors that point into the text of a file.
    pub(super) fn in_text(file: &Path, text: &str, mut errors: Vec<StackError>) -> Self {
        let mut seen: Vec<StackError> = Vec::with_capacity(errors.len());
        errors.sort_by(|a, b| a.order().cmp(&b.order()));
        for error in errors {
            // Anchors show one text at several places, and targets share the stack.
            if !seen.contains(&error) {
                seen.push(error);
            }
        }
        let file = file.display().to_string();
        let other = seen.first().and_then(|error| error.elsewhere.as_ref());
        let all_there = seen.iter().all(|error| error.elsewhere.is_some());
        let blamed = match other.filter(|_| all_there) {
            Some(other) => other.source.name().to_owned(),
            None => file.clone(),
        };
        let source = NamedSource::new(&file, text.to_owned()).with_language("yaml");
        Self {
            summary: format!("{blamed} is not valid: {}", count(seen.len())),
            source_code: Some(Box::new(source)),
            errors: seen,
        }
    }

    /// An error about a file as a whole, or about which file it is.
    pub(super) fn without_text(error: StackError) -> Self {
        Self {
            summary: "there is no stack file to read".to_owned(),
            source_code: None,
            errors: vec![error],
        }
    }

    /// The errors, in the order of their places.
    pub fn errors(&self) -> &[StackError] {
        &self.errors
    }
}

fn count(errors: usize) -> String {
    if errors == 1 {
        "1 error".to_owned()
    } else {
        format!("{errors} errors")
    }
}

impl Diagnostic for StackErrors {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new("stack::invalid"))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(
            "nothing was changed; correct the file and run the command again",
        ))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source_code
            .as_deref()
            .map(|source| source as &dyn SourceCode)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        Some(Box::new(
            self.errors.iter().map(|error| error as &dyn Diagnostic),
        ))
    }
}
