//! Templates: what is given to them, and consent to what they do.

use crate::stack::checker::Checker;
use crate::stack::error::{Code, StackError};
use crate::stack::model::{Stack, Template};
use crate::stack::read::template::CAPABILITIES;
use crate::stack::suggest::{closest, did_you_mean, quoted};
use crate::stack::template::{Found, TemplateFile};

pub(super) fn check(cx: &Checker<'_>, stack: &Stack) {
    for template in &stack.templates {
        // What cannot be read has had its error.
        if let Some(file) = cx.template(&template.name) {
            unknown(cx, template, &file);
            missing(cx, template, &file);
            consent(cx, template, &file);
        }
    }
}

/// Parameters that are given and not declared.
fn unknown(cx: &Checker<'_>, template: &Template, file: &TemplateFile) {
    let declared = || file.parameters.iter().map(|p| p.name.as_str());
    let path = ["templates", template.name.as_str(), "parameters"];
    let given = cx.node(&path).map_or(&[][..], |node| node.entries());
    for entry in given {
        let name = entry.key.value.as_str();
        if declared().any(|known| known == name) {
            continue;
        }
        let shown = template.file.display();
        let help = did_you_mean(name, declared(), || {
            let all = quoted(declared());
            if all.is_empty() {
                format!("remove it, or declare it under `Parameters` in {shown}")
            } else {
                format!("{shown} declares {all}")
            }
        });
        cx.push(
            StackError::new(
                Code::TemplateParameter,
                format!("the template `{}` has no parameter `{name}`", template.name),
                help,
            )
            .at(entry.key.span, "not declared"),
        );
    }
}

/// Parameters that are declared without a default and not given.
fn missing(cx: &Checker<'_>, template: &Template, file: &TemplateFile) {
    let path = ["templates", template.name.as_str(), "parameters"];
    let is_given = |name: &str| template.parameters.iter().any(|(given, _)| given == name);
    if !cx.sound(&[&path]) {
        return;
    }
    for parameter in &file.parameters {
        let name = &parameter.name;
        if parameter.has_default || is_given(name) {
            continue;
        }
        // A slip in its name has had its error, with this one as what was meant.
        let is_slip = template.parameters.iter().any(|(given, _)| {
            let is_known = file.parameters.iter().any(|p| p.name == *given);
            !is_known && closest(given, [name.as_str()]).is_some()
        });
        if is_slip {
            continue;
        }
        cx.push(
            StackError::new(
                Code::TemplateParameter,
                format!(
                    "the template `{}` needs a value for its parameter `{name}`",
                    template.name
                ),
                format!(
                    "add `{name}: …` to its `parameters`, or give it a `Default` in {}",
                    template.file.display()
                ),
            )
            .at(cx.place(&path), format!("`{name}` is missing here")),
        );
    }
}

/// Makes the stack consent to what CloudFormation will ask about. // aws-behaviours F3
fn consent(cx: &Checker<'_>, template: &Template, file: &TemplateFile) {
    let path = ["templates", template.name.as_str(), "capabilities"];
    if !cx.sound(&[&path]) {
        return;
    }
    let [iam, named, expand] = CAPABILITIES;
    let has = |capability: &str| {
        template
            .capabilities
            .iter()
            .any(|given| given == capability)
    };
    let needs: [(&Option<Found>, &str, bool); 3] = [
        (&file.named_iam, named, has(named)),
        // One error for IAM is enough, and consent to names is consent to all.
        (
            &file.iam,
            iam,
            has(iam) || has(named) || file.named_iam.is_some(),
        ),
        (&file.macros, expand, has(expand)),
    ];
    for (found, capability, is_given) in needs {
        let Some(found) = found.as_ref().filter(|_| !is_given) else {
            continue;
        };
        cx.push(
            StackError::new(
                Code::TemplateCapabilities,
                format!(
                    "the template `{}` needs `{capability}`: {} (line {} of {})",
                    template.name,
                    found.what,
                    found.line,
                    template.file.display()
                ),
                format!("if that is meant, add `{capability}` to `capabilities` of the template"),
            )
            .at(cx.place(&path), format!("without `{capability}`")),
        );
    }
}
