//! Environments: their size.

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Attribute, Kind, Part, Reference, Stack, Text};

/// Bytes of JSON that Lambda takes. // aws-behaviours L8
const MAX_ENVIRONMENT: usize = 4_096;

/// Account and Region as they are told in names, URLs and ARNs; no Region of AWS has a shorter name.
const ACCOUNT: &str = "123456789012";
const REGION: &str = "us-east-1";

/// A value that is as long as the reference's will be on AWS at least, so that what is refused here AWS
/// refuses wherever the stack goes. Nothing is known of outputs of templates.
fn least(stack: &Stack, reference: &Reference) -> String {
    let kind = reference.id.kind;
    let mut name = format!("{}-{}", stack.name, reference.id.name);
    if kind == Kind::Bucket {
        name = format!("{name}-{ACCOUNT}-{REGION}");
    }
    match &reference.attribute {
        Attribute::Name => name,
        Attribute::Url => format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"),
        Attribute::Arn => match kind {
            Kind::Bucket => format!("arn:aws:s3:::{name}"),
            Kind::Table => format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"),
            Kind::Function => format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"),
            _ => format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"),
        },
        Attribute::Output(_) => String::new(),
    }
}

fn filled(stack: &Stack, text: &Text) -> String {
    let parts = text.parts.iter().map(|part| match part {
        Part::Literal(literal) => literal.clone(),
        Part::Reference(reference) => least(stack, reference),
    });
    parts.collect()
}

pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    for function in &stack.functions {
        let known: serde_json::Map<String, serde_json::Value> = function
            .environment
            .iter()
            .map(|(name, text)| (name.clone(), filled(stack, text).into()))
            .collect();
        let bytes = serde_json::Value::Object(known).to_string().len();
        if bytes > MAX_ENVIRONMENT {
            let texts = || function.environment.iter().map(|(_, text)| text);
            let is_exact = texts().all(|text| text.references().next().is_none());
            let least = if is_exact { "" } else { "at least " };
            cx.push(
                StackError::new(
                    Code::EnvironmentTooLarge,
                    format!(
                        "the environment of `{}` is {least}{bytes} bytes of JSON; Lambda takes {MAX_ENVIRONMENT}",
                        function.name
                    ),
                    "move large values into a file of the crate or an object in a bucket",
                )
                .at(cx.place(&["functions", &function.name, "environment"]), "too large"),
            );
        }
    }
}
