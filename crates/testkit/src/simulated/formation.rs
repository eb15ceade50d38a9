//! As much of CloudFormation as deploying a template takes: the query protocol. Templates
//! are kept and not read, so a stack has no resources and no outputs; a change set is there at once.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use hyper::Response;
use hyper::body::Bytes;
use tokio::time::Instant;

use super::answer::{self, Refused, element, list};
use crate::fault::operation::Query;

const NAMESPACE: &str = "http://cloudformation.amazonaws.com/doc/2010-05-15/";
const MADE: &str = "2026-01-01T00:00:00Z";

/// What a stack says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Content {
    template: String,
    parameters: Vec<(String, String)>,
    tags: Vec<(String, String)>,
}

/// What was done to a stack last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Review,
    Create,
    Update,
    Delete,
}

#[derive(Debug)]
struct Stack {
    arn: String,
    doing: Doing,
    since: Instant,
    content: Content,
    change_sets: BTreeMap<String, Content>,
}

/// The stacks of an account in a region.
#[derive(Debug)]
pub struct Formation {
    account: String,
    region: String,
    /// How long anything is in progress.
    takes: Duration,
    stacks: Mutex<BTreeMap<String, Stack>>,
}

impl Formation {
    /// With no stacks.
    pub fn new(account: &str, region: &str, takes: Duration) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            takes,
            stacks: Mutex::default(),
        }
    }

    /// How many stacks there are.
    ///
    /// # Panics
    /// Never, unless another user of it did.
    pub fn stacks(&self) -> usize {
        let stacks = self.stacks.lock().expect("no holder panics");
        stacks.values().filter(|one| !self.is_gone(one)).count()
    }

    /// Answers a call.
    pub(super) fn answer(&self, operation: &str, form: &Query) -> Response<Bytes> {
        answer::query(NAMESPACE, operation, self.result(operation, form))
    }

    fn result(&self, operation: &str, form: &Query) -> Result<String, Refused> {
        let mut stacks = self.stacks.lock().expect("no holder panics");
        stacks.retain(|_, stack| !self.is_gone(stack));
        let name = form.value("StackName").map(|name| {
            // A stack is called by its ARN, too: `…:stack/NAME/ID`.
            name.split_once(":stack/")
                .and_then(|(_, rest)| rest.split('/').next())
                .unwrap_or(name)
        });
        match (operation, name) {
            ("DescribeStacks", None) => {
                let told = stacks.iter().map(|(name, stack)| self.told(name, stack));
                return Ok(list("Stacks", told));
            }
            ("ListStacks", _) => {
                let told = stacks.iter().map(|(name, stack)| self.head(name, stack));
                return Ok(list("StackSummaries", told));
            }
            ("DeleteStack", Some(name)) => {
                if let Some(stack) = stacks.get_mut(name) {
                    (stack.doing, stack.since) = (Doing::Delete, Instant::now());
                }
                return Ok(String::new());
            }
            ("CreateStack", Some(name)) => {
                if stacks.contains_key(name) {
                    let message = format!("Stack [{name}] already exists");
                    return Err(Refused::new(400, "AlreadyExistsException", message));
                }
                let mut stack = self.reviewed(name);
                stack.doing = Doing::Create;
                stack.content = content(form, &stack.content);
                let id = element("StackId", Some(&stack.arn));
                stacks.insert(name.to_owned(), stack);
                return Ok(id);
            }
            ("CreateChangeSet", Some(name)) if form.value("ChangeSetType") == Some("CREATE") => {
                let stack = self.reviewed(name);
                stacks.entry(name.to_owned()).or_insert(stack);
            }
            _ => {}
        }
        // A change set that is called by its ARN needs no name of a stack.
        let set = set_name(form);
        let of_set = stacks
            .iter()
            .find(|(_, stack)| stack.change_sets.contains_key(set));
        let of_set = of_set.map(|(name, _)| name.clone());
        let name = match (name, of_set) {
            (Some(name), _) => name.to_owned(),
            (None, Some(name)) => name,
            (None, None) => return Err(no_set(set)),
        };
        let stack = stacks.get_mut(&name).ok_or_else(|| absent(&name))?;
        self.on_stack(operation, form, &name, stack)
    }

    fn on_stack(
        &self,
        operation: &str,
        form: &Query,
        name: &str,
        stack: &mut Stack,
    ) -> Result<String, Refused> {
        let set = set_name(form);
        match operation {
            "DescribeStacks" => Ok(list("Stacks", std::iter::once(self.told(name, stack)))),
            "GetTemplate" => Ok(element("TemplateBody", Some(&stack.content.template))),
            "ListStackResources" => Ok(list("StackResourceSummaries", std::iter::empty())),
            "CreateChangeSet" => {
                if self.in_progress(stack) {
                    let message = format!(
                        "Stack:{} is in {} state and can not be updated.",
                        stack.arn,
                        self.status(stack)
                    );
                    return Err(Refused::new(400, "ValidationError", message));
                }
                let content = content(form, &stack.content);
                stack.change_sets.insert(set.to_owned(), content);
                let id = element("Id", Some(&self.set_arn(set)));
                Ok(id + &element("StackId", Some(&stack.arn)))
            }
            "DescribeChangeSet" => {
                let content = stack.change_sets.get(set).ok_or_else(|| no_set(set))?;
                let same = stack.doing != Doing::Review && *content == stack.content;
                let (status, execution, why) = if same {
                    let why = "The submitted information didn't contain changes. Submit different \
                               information to create a change set.";
                    ("FAILED", "UNAVAILABLE", Some(why))
                } else {
                    ("CREATE_COMPLETE", "AVAILABLE", None)
                };
                Ok(element("ChangeSetName", Some(set))
                    + &element("ChangeSetId", Some(&self.set_arn(set)))
                    + &element("StackId", Some(&stack.arn))
                    + &element("StackName", Some(name))
                    + &element("Status", Some(status))
                    + &element("StatusReason", why)
                    + &element("ExecutionStatus", Some(execution))
                    + &pairs("Parameters", "Parameter", &content.parameters)
                    + &pairs("Tags", "", &content.tags)
                    + &list("Changes", std::iter::empty()))
            }
            "ExecuteChangeSet" => {
                let content = stack.change_sets.remove(set).ok_or_else(|| no_set(set))?;
                stack.change_sets.clear();
                stack.doing = match stack.doing {
                    Doing::Review => Doing::Create,
                    _ => Doing::Update,
                };
                (stack.content, stack.since) = (content, Instant::now());
                Ok(String::new())
            }
            "DeleteChangeSet" => {
                stack.change_sets.remove(set);
                Ok(String::new())
            }
            other => {
                let message = format!("the simulated CloudFormation does not know {other}");
                Err(Refused::new(501, "NotImplemented", message))
            }
        }
    }

    fn reviewed(&self, name: &str) -> Stack {
        let arn = format!(
            "arn:aws:cloudformation:{}:{}:stack/{name}/00000000-0000-0000-0000-000000000000",
            self.region, self.account
        );
        Stack {
            arn,
            doing: Doing::Review,
            since: Instant::now(),
            content: Content::default(),
            change_sets: BTreeMap::new(),
        }
    }

    fn set_arn(&self, set: &str) -> String {
        format!(
            "arn:aws:cloudformation:{}:{}:changeSet/{set}/00000000-0000-0000-0000-000000000000",
            self.region, self.account
        )
    }

    fn in_progress(&self, stack: &Stack) -> bool {
        stack.doing != Doing::Review && stack.since.elapsed() < self.takes
    }

    fn is_gone(&self, stack: &Stack) -> bool {
        stack.doing == Doing::Delete && !self.in_progress(stack)
    }

    fn status(&self, stack: &Stack) -> &'static str {
        match (stack.doing, self.in_progress(stack)) {
            (Doing::Review, _) => "REVIEW_IN_PROGRESS",
            (Doing::Create, true) => "CREATE_IN_PROGRESS",
            (Doing::Create, false) => "CREATE_COMPLETE",
            (Doing::Update, true) => "UPDATE_IN_PROGRESS",
            (Doing::Update, false) => "UPDATE_COMPLETE",
            (Doing::Delete, true) => "DELETE_IN_PROGRESS",
            (Doing::Delete, false) => "DELETE_COMPLETE",
        }
    }

    fn head(&self, name: &str, stack: &Stack) -> String {
        element("StackId", Some(&stack.arn))
            + &element("StackName", Some(name))
            + &element("CreationTime", Some(MADE))
            + &element("StackStatus", Some(self.status(stack)))
    }

    fn told(&self, name: &str, stack: &Stack) -> String {
        self.head(name, stack)
            + &pairs("Parameters", "Parameter", &stack.content.parameters)
            + &pairs("Tags", "", &stack.content.tags)
            + &list("Outputs", std::iter::empty())
    }
}

/// Name of the change set; it is called by its ARN, too: `…:changeSet/NAME/ID`.
fn set_name(form: &Query) -> &str {
    let set = form.value("ChangeSetName").unwrap_or_default();
    set.split_once(":changeSet/")
        .and_then(|(_, rest)| rest.split('/').next())
        .unwrap_or(set)
}

/// What a change set asks for; what it does not name stays.
fn content(form: &Query, before: &Content) -> Content {
    let template = form.value("TemplateBody");
    Content {
        template: template.unwrap_or(&before.template).to_owned(),
        parameters: numbered(form, "Parameters", "Parameter"),
        tags: numbered(form, "Tags", ""),
    }
}

/// Pairs that are numbered from 1, e.g. `Parameters.member.1.ParameterKey`.
fn numbered(form: &Query, name: &str, part: &str) -> Vec<(String, String)> {
    let value = |n: usize, half: &str| {
        let value = form.value(&format!("{name}.member.{n}.{part}{half}"));
        value.map(str::to_owned)
    };
    (1..)
        .map_while(|n| Some((value(n, "Key")?, value(n, "Value").unwrap_or_default())))
        .collect()
}

fn pairs(name: &str, part: &str, pairs: &[(String, String)]) -> String {
    let told = pairs.iter().map(|(key, value)| {
        element(&format!("{part}Key"), Some(key)) + &element(&format!("{part}Value"), Some(value))
    });
    list(name, told)
}

fn absent(name: &str) -> Refused {
    // aws-behaviours F6
    let message = format!("Stack with id {name} does not exist");
    Refused::new(400, "ValidationError", message)
}

fn no_set(name: &str) -> Refused {
    let message = format!("ChangeSet [{name}] does not exist");
    Refused::new(404, "ChangeSetNotFound", message)
}
