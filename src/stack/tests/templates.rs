//! Templates: what is read of them, and what is refused before CloudFormation does.

use std::fs;
use std::path::Path;

use miette::{Diagnostic, SourceSpan};

use super::resolve_in;
use crate::stack::model::{Attribute, Stack};
use crate::stack::{Code, StackError, StackErrors};

/// A project with one template, `t.yaml`.
struct Project {
    root: tempfile::TempDir,
}

const TOPIC: &str = "Resources: { Topic: { Type: AWS::SNS::Topic } }\n";
const STACK: &str = "stack: a\ntemplates: { t: { file: t.yaml } }\n";

fn project(template: &str) -> Project {
    let root = tempfile::tempdir().expect("a directory");
    let project = Project { root };
    project.write("t.yaml", template);
    project
}

impl Project {
    fn root(&self) -> &Path {
        self.root.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.root().join(name), text).expect("a file");
    }

    fn read(&self, stack: &str) -> Result<Stack, StackErrors> {
        resolve_in(self.root(), stack, "embedded")
    }

    /// Code, underlined texts and next step of each error; those of the template's own text after `t:`.
    fn told(&self, stack: &str) -> Vec<(Code, Vec<String>, String)> {
        let errors = self.read(stack).expect_err(stack);
        errors
            .errors()
            .iter()
            .map(|error| {
                let shown: &dyn Diagnostic = error;
                assert!(shown.labels().is_some_and(|labels| labels.count() > 0));
                let places = error.places().map(|place| cut(error, stack, place));
                (error.code(), places.collect(), error.next_step().to_owned())
            })
            .collect()
    }

    fn codes(&self, stack: &str) -> Vec<(Code, Vec<String>)> {
        let told = self.told(stack);
        told.into_iter().map(|(code, at, _)| (code, at)).collect()
    }
}

fn cut(error: &StackError, stack: &str, place: SourceSpan) -> String {
    let Some(other) = error.source_code() else {
        return stack[place.offset()..place.offset() + place.len()].to_owned();
    };
    let read = other.read_span(&place, 0, 0).expect("inside of the file");
    assert!(read.name().is_some_and(|name| name.ends_with("t.yaml")));
    format!("t:{}", String::from_utf8_lossy(read.data()).trim_end())
}

#[test]
fn a_template_is_read_with_its_short_tags_and_kept_as_it_is() {
    let text = "AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Name: { Type: String }
  Size: { Type: Number, Default: 1 }
Conditions:
  Large: !Not [!Equals [!Ref Size, 1]]
  Same: !Condition Large
Mappings:
  Accounts: { 123456789012: { true: x } }
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: !Sub '${Name}-topic'
      DisplayName: !If [Large, !Ref Name, !Ref AWS::NoValue]
      Other: !Sub
        - '${A}'
        - { A: !GetAtt Alarm.Arn }
      Import: !ImportValue { 'Fn::Sub': x }
      Split: !Select [0, !Split [',', !Join ['', [a, b]]]]
      Bytes: !Base64 |
        two
        lines
  Alarm: { Type: 'AWS::CloudWatch::Alarm', Condition: Large }
Outputs:
  Arn: { Value: !Ref Topic }
  Name: { Value: !GetAtt [Topic, TopicName] }
";
    let project = project(text);
    let stack = project
        .read("stack: a\ntemplates: { t: { file: t.yaml, parameters: { Name: x } } }\noutputs: { arn: '${templates.t.outputs.Arn}' }\n")
        .expect("a valid stack");
    let template = &stack.templates[0];
    assert_eq!(template.body, text);
    let pair = |id: &str, kind: &str| (id.to_owned(), kind.to_owned());
    assert_eq!(
        template.resources,
        [
            pair("Topic", "AWS::SNS::Topic"),
            pair("Alarm", "AWS::CloudWatch::Alarm")
        ]
    );
    assert_eq!(template.outputs, ["Arn", "Name"]);
    let reference = stack.outputs[0].1.references().next().expect("a reference");
    assert_eq!(reference.attribute, Attribute::Output("Arn".to_owned()));
    assert_eq!(reference.to_string(), "${templates.t.outputs.Arn}");
}

#[test]
fn a_template_may_be_json() {
    for text in [
        r#"{"Resources": {"Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": {"Ref": "AWS::StackName"}}}}}"#,
        "{\n\t\"Resources\": {\n\t\t\"Topic\": {\n\t\t\t\"Type\": \"AWS::SNS::Topic\",\n\t\t\t\"Properties\": {\"DisplayName\": \"a\\/b\\u0041\"}\n\t\t}\n\t}\n}\n",
    ] {
        let stack = project(text).read(STACK).expect("a valid stack");
        assert_eq!(stack.templates[0].resources[0].0, "Topic");
        assert_eq!(stack.templates[0].body, text);
    }
}

#[test]
fn what_is_no_template_is_told_at_its_place() {
    for (text, places) in [
        ("Resources: [\n", &["t:["][..]),
        ("- a\n", &["t:a"]),
        ("", &["t.yaml"]),
        ("Description: x\n", &["t.yaml"]),
        ("Resources:\n", &["t:Resources"]),
        ("Resources: {}\n", &["t:Resources"]),
        ("Resources: [a]\n", &["t:Resources"]),
        ("Resorces: { A: { Type: B } }\n", &["t:Resorces"]),
        ("Resources: { A: { Tpe: B } }\n", &["t:A"]),
        ("Resources: { A-B: { Type: B } }\n", &["t:A-B"]),
        (
            "Resources: { A: { Type: B } }\nOutputs: { a_b: {} }\n",
            &["t:a_b"],
        ),
        (
            "Resources: { A: { Type: B }, C: x }\nOutputs: 1\n",
            &["t:C", "t:1"],
        ),
    ] {
        let told = project(text).codes(STACK);
        let wanted: Vec<_> = places
            .iter()
            .map(|place| (Code::BadTemplate, vec![(*place).to_owned()]))
            .collect();
        assert_eq!(told, wanted, "{text}");
    }
    let project = project(TOPIC);
    fs::write(project.root().join("t.yaml"), b"\xff").expect("a file");
    assert_eq!(
        project.codes(STACK),
        [(Code::BadTemplate, vec!["t.yaml".to_owned()])]
    );
}

#[test]
fn a_template_has_51_200_bytes_and_500_resources_at_most() {
    let with_comment = |bytes: usize| format!("{TOPIC}#{}", "x".repeat(bytes - TOPIC.len() - 1));
    assert!(project(&with_comment(51_200)).read(STACK).is_ok());
    let refused = [(Code::TemplateTooLarge, vec!["t.yaml".to_owned()])];
    assert_eq!(project(&with_comment(51_201)).codes(STACK), refused);
    let with_topics = |count: usize| {
        let topics = (0..count).map(|n| format!("  T{n}: {{ Type: AWS::SNS::Topic }}\n"));
        format!("Resources:\n{}", topics.collect::<String>())
    };
    assert!(project(&with_topics(500)).read(STACK).is_ok());
    assert_eq!(project(&with_topics(501)).codes(STACK), refused);
}

#[test]
fn parameters_are_those_that_the_template_declares() {
    let project = project(&format!(
        "{TOPIC}Parameters: {{ QueueName: {{ Type: String }}, Size: {{ Type: Number, Default: 1 }} }}\n"
    ));
    let stack = |given: &str| format!("stack: a\ntemplates: {{ t: {{ file: t.yaml{given} }} }}\n");
    assert!(
        project
            .read(&stack(", parameters: { QueueName: q }"))
            .is_ok()
    );
    let told = |given: &str| {
        let told = project.told(&stack(given));
        let told = told
            .into_iter()
            .map(|(code, at, help)| (code, at.join(" "), help));
        told.collect::<Vec<_>>()
    };
    let wanted = |at: &str, help: &str| (Code::TemplateParameter, at.to_owned(), help.to_owned());
    let add = "add `QueueName: …` to its `parameters`, or give it a `Default` in t.yaml";
    assert_eq!(told(""), [wanted("t", add)]);
    assert_eq!(
        told(", parameters: { Size: '2' }"),
        [wanted("parameters", add)]
    );
    assert_eq!(
        told(", parameters: { QueueNam: q }"),
        [wanted("QueueNam", "did you mean `QueueName`?")]
    );
    assert_eq!(
        told(", parameters: { QueueName: q, Colour: red }"),
        [wanted("Colour", "t.yaml declares `QueueName`, `Size`")]
    );
}

/// aws-behaviours F3
#[test]
fn what_cloudformation_wants_consent_to_is_consented_to() {
    let role = |properties: &str| {
        format!(
            "Resources:\n  Admin:\n    Type: AWS::IAM::Role\n    Properties: {{ {properties} }}\n"
        )
    };
    let iam = role("Path: /");
    let named = role("RoleName: admin");
    let unnamed = role("RoleName: !Ref AWS::NoValue");
    let policy = "Resources: { P: { Type: AWS::IAM::Policy, Properties: { PolicyName: p } } }\n";
    let sam = format!("Transform: AWS::Serverless-2016-10-31\n{TOPIC}");
    let include = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      !Transform { Name: AWS::Include }\n";
    let all = "CAPABILITY_IAM, CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND";
    for (text, given, wanted) in [
        (iam.as_str(), "", Some("CAPABILITY_IAM")),
        (&iam, "CAPABILITY_IAM", None),
        (&iam, "CAPABILITY_NAMED_IAM", None),
        (&iam, "CAPABILITY_AUTO_EXPAND", Some("CAPABILITY_IAM")),
        (&named, "", Some("CAPABILITY_NAMED_IAM")),
        (&named, "CAPABILITY_IAM", Some("CAPABILITY_NAMED_IAM")),
        (&named, "CAPABILITY_NAMED_IAM", None),
        (&unnamed, "CAPABILITY_IAM", None),
        (policy, "", Some("CAPABILITY_IAM")),
        (policy, "CAPABILITY_IAM", None),
        (&sam, "", Some("CAPABILITY_AUTO_EXPAND")),
        (&sam, "CAPABILITY_AUTO_EXPAND", None),
        (include, "", Some("CAPABILITY_AUTO_EXPAND")),
        (include, all, None),
        (TOPIC, all, None),
    ] {
        let stack =
            format!("stack: a\ntemplates: {{ t: {{ file: t.yaml, capabilities: [{given}] }} }}\n");
        let project = project(text);
        let Some(wanted) = wanted else {
            let stack = project.read(&stack).expect("a valid stack");
            assert_eq!(stack.templates[0].capabilities.join(", "), given);
            continue;
        };
        let told = project.told(&stack);
        let help = format!("if that is meant, add `{wanted}` to `capabilities` of the template");
        let places = vec!["capabilities".to_owned()];
        assert_eq!(told, [(Code::TemplateCapabilities, places, help)], "{text}");
    }
    let told = project(&iam).read(STACK).expect_err("no capabilities");
    assert_eq!(
        told.errors()[0].to_string(),
        "the template `t` needs `CAPABILITY_IAM`: `Admin` is of type `AWS::IAM::Role` (line 2 of t.yaml)"
    );
}

#[test]
fn capabilities_have_three_names() {
    let stack =
        "stack: a\ntemplates: { t: { file: t.yaml, capabilities: [CAPABILITY_NAME_IAM, 1] } }\n";
    let told = project(TOPIC).told(stack);
    assert_eq!(
        told[0],
        (
            Code::UnknownValue,
            vec!["CAPABILITY_NAME_IAM".to_owned()],
            "did you mean `CAPABILITY_NAMED_IAM`?".to_owned()
        )
    );
    assert_eq!((told.len(), told[1].0), (2, Code::WrongType));
}

#[test]
fn outputs_of_templates_are_those_that_there_are() {
    let project = project(&format!("{TOPIC}Outputs: {{ TopicArn: {{ Value: x }} }}\n"));
    let stack = |reference: &str| format!("{STACK}outputs: {{ x: '{reference}' }}\n");
    assert!(
        project
            .read(&stack("${templates.t.outputs.TopicArn}"))
            .is_ok()
    );
    for (reference, code, help) in [
        (
            "${templates.t.outputs.TopicArm}",
            Code::UnknownReference,
            "did you mean `TopicArn`?",
        ),
        (
            "${templates.t.outputs.Url}",
            Code::UnknownReference,
            "add `Url` to `Outputs` of the template, or use one of `TopicArn`",
        ),
        (
            "${templates.u.outputs.TopicArn}",
            Code::UnknownReference,
            "did you mean `t`?",
        ),
        (
            "${templates.t.name}",
            Code::AttributeNotAvailable,
            "write `${templates.t.outputs.NAME}`: templates have outputs only",
        ),
    ] {
        assert_eq!(
            project.told(&stack(reference)),
            [(code, vec![reference.to_owned()], help.to_owned())]
        );
    }
    // Macros may make outputs, and a refused template has had its error.
    project.write("t.yaml", &format!("{TOPIC}Transform: Mine\n"));
    let consent = stack("${templates.t.outputs.Url}")
        .replace("t.yaml", "t.yaml, capabilities: [CAPABILITY_AUTO_EXPAND]");
    assert!(project.read(&consent).is_ok());
    project.write("t.yaml", "Resources: {}\n");
    assert_eq!(
        project.codes(&stack("${templates.t.outputs.Url}")),
        [(Code::BadTemplate, vec!["t:Resources".to_owned()])]
    );
}

#[test]
fn templates_and_functions_do_not_go_round() {
    let template = "Resources: { T: { Type: AWS::SNS::Topic } }\nParameters: { P: { Type: String } }\nOutputs: { O: { Value: x } }\n";
    let project = project(template);
    fs::create_dir(project.root().join("f")).expect("a directory");
    project.write("f/Cargo.toml", "");
    let own = "stack: a\ntemplates: { t: { file: t.yaml, parameters: { P: '${templates.t.outputs.O}' } } }\n";
    let mixed = "stack: a
functions: { f: { crate: f, environment: { TOPIC: '${templates.t.outputs.O}' } } }
templates: { t: { file: t.yaml, parameters: { P: 'x ${functions.f.arn}' } } }
";
    let two = "stack: a
templates:
  t: { file: t.yaml, parameters: { P: '${templates.u.outputs.O}' } }
  u: { file: t.yaml, parameters: { P: '${templates.t.outputs.O}' } }
";
    for (stack, message, places) in [
        (
            own,
            "a parameter of the template `t` is an output of its own",
            &["'${templates.t.outputs.O}'"][..],
        ),
        (
            mixed,
            "functions and templates need each other: functions.f → templates.t → functions.f",
            &["'${templates.t.outputs.O}'", "'x ${functions.f.arn}'"],
        ),
        (
            two,
            "templates need each other: templates.t → templates.u → templates.t",
            &["'${templates.u.outputs.O}'", "'${templates.t.outputs.O}'"],
        ),
    ] {
        let errors = project.read(stack).expect_err(stack);
        assert_eq!(errors.errors()[0].to_string(), message);
        let places: Vec<String> = places.iter().map(|place| (*place).to_owned()).collect();
        assert_eq!(project.codes(stack), [(Code::Cycle, places)]);
    }
    let chain = two.replace("${templates.t.outputs.O}", "x");
    assert!(project.read(&chain).is_ok());
}

/// What a target's own template is wrong about is told whichever target is chosen.
#[test]
fn a_template_of_one_target_is_looked_at_for_all() {
    let project = project(TOPIC);
    fs::create_dir(project.root().join("aws")).expect("a directory");
    project.write("aws/t.yaml", "Resources: {}\n");
    let stack = "stack: a\ntemplates: { t: { file: t.yaml } }\ntargets: { aws: { templates: { t: { file: aws/t.yaml } } } }\n";
    assert_eq!(
        project.codes(stack),
        [(Code::BadTemplate, vec!["t:Resources".to_owned()])]
    );
    // And what is wrong without the target is told once.
    project.write("t.yaml", "Resorces: {}\n");
    project.write("aws/t.yaml", TOPIC);
    assert_eq!(
        project.codes(stack),
        [(Code::BadTemplate, vec!["t:Resorces".to_owned()])]
    );
}
