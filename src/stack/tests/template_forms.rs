//! Forms of YAML and JSON that templates are written in.

use std::fs;
use std::path::Path;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use super::{project, resolve_in};
use crate::stack::StackErrors;
use crate::stack::model::Template;

const STACK: &str = "stack: a\ntemplates: { t: { file: t.yaml, capabilities: [CAPABILITY_NAMED_IAM, CAPABILITY_AUTO_EXPAND] } }\n";

fn read(root: &Path, template: &str) -> Result<Template, StackErrors> {
    fs::write(root.join("t.yaml"), template).expect("a file");
    resolve_in(root, STACK, "embedded").map(|mut stack| stack.templates.remove(0))
}

#[test]
fn what_cloudformation_reads_is_read() {
    let root = tempfile::tempdir().expect("a directory");
    let value = |value: &str| {
        format!("Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      A: {value}\n")
    };
    let values = [
        "2012-10-17",
        "0755",
        "012345678901",
        "0o17",
        "0x1F",
        "1e3",
        ".5",
        "1_000",
        "99999999999999999999999999999999999999999999999999",
        "1.7976931348623157E+400",
        ".nan",
        "yes",
        "On",
        "=",
        "12:30:45",
        "!Ref 'AWS::Region'",
        "!GetAtt Some.Other.Arn",
        "!Sub \"arn:${AWS::Partition}:s3:::${B}/*\"",
        "!FindInMap [!Ref A, !Ref 'AWS::Region', ami]",
        "!Cidr [!GetAtt V.CidrBlock, 6, 5]",
        "!And [!Condition A, !Or [!Equals [a, b], !Not [!Condition B]]]",
        "!GetAZs ''",
        "!GetAZs",
        "!ToJsonString { a: !Length [1, 2] }",
        "!ImportValue { 'Fn::Sub': '${N}-x' }",
        "!!str 1",
        "!!binary aGVsbG8=",
        "{ 'Fn::If': [A, { Ref: B }, !Ref AWS::NoValue] }",
        "[!Ref A, !Sub b, { Key: k, Value: !Ref V }]",
        "&x [1, 2]",
        "|-\n        #!/bin/bash\n        \tif [ -z \"$A\" ]; then echo '%'; fi\n",
        "!Sub |\n        ${A}\n          b\n",
        "!Join\n        - ''\n        - - a\n          - !Ref B\n",
        "!Sub\n        - '${X}'\n        - X: !GetAtt T.Arn\n          Y: !If [C, 1, 2]\n",
        ">\n        folded\n        text\n",
        "\"\\ud83d\\ude00 \\/ \\u0041\"",
        "# nothing\n        B: { 1: a, true: b, 1.5: c, 2020-01-01: d }\n",
    ];
    let mut refused = Vec::new();
    let mut wholes: Vec<String> = values.map(value).into();
    let plain = value("1");
    wholes.extend([
        format!("\u{feff}{plain}"),
        format!("---\n{plain}...\n"),
        format!("# first\n\n{plain}\n# last"),
        format!("%YAML 1.1\n---\n{plain}"),
        plain.replace('\n', "\r\n"),
        format!("{plain}Metadata: {{ a: b, a: c }}\n"),
        format!("{plain}Transform: [AWS::Include, Mine]\n"),
        format!("{plain}Rules: {{}}\nHooks: {{}}\nConditions: {{}}\nOutputs: {{}}\nParameters: {{}}\n"),
        "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::Topics:\n    - Name\n    - [A, B]\n    - Topic${Name}: { Type: AWS::SNS::Topic }\nOutputs:\n  Fn::ForEach::Names:\n    - Name\n    - [A, B]\n    - Out${Name}: { Value: x }\n".to_owned(),
        value("{\n        \"Version\": \"2012-10-17\",\n        \"Statement\": [\n          a\n        ]\n      }"),
        value("{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n  a,\n]\n}"),
        value("1\n      Tags:\n      - Key: a\n        Value: !Sub '${A}'\n      -\n        Key: b\n        Value:\n          Ref: B"),
        value("some plain text\n        that goes on"),
        value("!If\n      - A\n      - - !Ref B\n        - c\n      - !Ref AWS::NoValue"),
        value("{ \"a\":1, 'b':[x], c: !Ref d, \"e\":!Ref f }"),
        value("!Sub '{\"a\": \"${B}\"}' # told"),
        value("'2012-10-17'   \n\n\n      # a comment\n  # less indented\n      B: 1"),
        "{\"Resources\": {\"T\": {\"Type\": \"A::B::C\", \"Properties\": {\"A\": [1, 1.5e10, true, null, \"\\ud83d\\ude00\", {}]}}}}".to_owned(),
        "\t{\n\t\t\"Resources\" :\n\t\t{\n\t\t\t\"T\"\t:\t{\"Type\":\"A::B::C\",\"Properties\":{\"A\":[\n1,\n\t\t2\n]}}\n\t\t}\n\t}".to_owned(),
    ]);
    for text in wholes {
        match read(root.path(), &text) {
            Ok(template) => assert_eq!(template.body, text),
            Err(errors) => refused.push(format!("{}\n{text}", errors.errors()[0])),
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n---\n"));
}

/// Whatever is wrong with a template, reading it ends, and every place is inside of its text.
#[test]
fn damaged_templates_are_told_of_and_never_break_the_reader() {
    let root = tempfile::tempdir().expect("a directory");
    let whole = fs::read_to_string(project().join("templates/observability.yaml"));
    let whole = whole.expect("the example");
    let lines: Vec<&str> = whole.lines().collect();
    let without_a_line = (0..lines.len()).map(|gone| {
        let mut left = lines.clone();
        left.remove(gone);
        left.join("\n")
    });
    let cut_short = (0..whole.len())
        .step_by(11)
        .filter_map(|end| whole.get(..end).map(str::to_owned));
    let garbled = ["~", "[", "{}", "!Ref", "!Transform [!", "é", "*a", "&a *a"]
        .into_iter()
        .flat_map(|value| {
            let with_key = lines.iter().enumerate();
            with_key
                .filter_map(|(at, line)| Some((at, line.split_once(':')?.0)))
                .map(|(at, key)| {
                    let changed = format!("{key}: {value}");
                    let mut lines = lines.clone();
                    lines[at] = &changed;
                    lines.join("\n")
                })
                .collect::<Vec<_>>()
        });
    let mut refused = 0;
    for text in without_a_line.chain(cut_short).chain(garbled) {
        let Err(errors) = read(root.path(), &text) else {
            continue;
        };
        refused += 1;
        for error in errors.errors() {
            let of = error.source_code().map_or(STACK, |_| &text);
            for place in error.places() {
                let cut = of.get(place.offset()..place.offset() + place.len());
                assert!(cut.is_some(), "{error}\n{text}");
            }
        }
    }
    assert!(refused > 50, "only {refused} templates were damaged enough");
}

/// Nesting and aliases that are made to exhaust a reader are refused.
#[test]
fn what_is_made_to_exhaust_the_reader_is_refused() {
    let root = tempfile::tempdir().expect("a directory");
    let flood = |opening: &str| {
        let opened = opening.repeat(25_000 / opening.len());
        format!("Resources: {{ T: {{ Type: A, Properties: {opened}")
    };
    for opening in ["[", "{a: ", "[!Ref ", "!If [", "- "] {
        let refused = read(root.path(), &flood(opening)).is_err();
        assert!(refused, "{opening}");
        // The stack file is read in the same way.
        let stack = format!("stack: a\nx: {}", flood(opening));
        assert!(resolve_in(root.path(), &stack, "embedded").is_err());
    }
    let nested = |depth: usize| {
        let (open, close) = ("[!Ref ".repeat(depth), "]".repeat(depth));
        format!("Resources: {{ T: {{ Type: A, Properties: {{ P: {open}x{close} }} }} }}\n")
    };
    assert!(read(root.path(), &nested(90)).is_ok());
    assert!(read(root.path(), &nested(4_000)).is_err());
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..12 {
        let alias = format!("*a{}, ", n - 1).repeat(8);
        laughs.push_str(&format!("a{n}: &a{n} [{alias}]\n"));
    }
    assert!(
        read(
            root.path(),
            &format!("{laughs}Resources: {{ T: {{ Type: A }} }}\n")
        )
        .is_err()
    );
}

fn shown(template: &str, stack: &str) -> String {
    let root = tempfile::tempdir().expect("a directory");
    fs::write(root.path().join("t.yaml"), template).expect("a file");
    let errors = resolve_in(root.path(), stack, "embedded").expect_err(template);
    let mut out = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut out, &errors)
        .expect("writing to a string");
    // The frame is the same everywhere, and names of temporary directories differ in length.
    let out = &out[out.find("Error: ").expect("an error in a file")..];
    let out = out.replace(&root.path().display().to_string(), "PROJECT");
    let lines: Vec<&str> = out.lines().map(str::trim_end).collect();
    lines.join("\n")
}

#[test]
fn an_error_in_a_template_is_shown_there() {
    let template = "Resources:\n  Topic:\n    Typ: AWS::SNS::Topic\n";
    insta::assert_snapshot!(shown(template, STACK), @r"
    Error: stack::bad_template

      × the resource `Topic` of the template has no `Type`
       ╭─[PROJECT/t.yaml:2:3]
     1 │ Resources:
     2 │   Topic:
       ·   ──┬──
       ·     ╰── `Type` is missing here
     3 │     Typ: AWS::SNS::Topic
       ╰────
      help: add one, as in `Type: AWS::CloudWatch::Alarm`
    ");
}

#[test]
fn an_error_about_a_template_is_shown_in_the_stack() {
    let template = "Parameters: { Name: { Type: String } }\nResources:\n  Admin:\n    Type: AWS::IAM::Role\n    Properties: { RoleName: x }\n";
    let stack = "stack: a\ntemplates:\n  t:\n    file: t.yaml\n    parameters: { Nmae: x }\n    capabilities: [CAPABILITY_IAM]\n";
    insta::assert_snapshot!(shown(template, stack), @r"
    Error: stack::template_parameter

      × the template `t` has no parameter `Nmae`
       ╭─[stacks/test.yaml:5:19]
     4 │     file: t.yaml
     5 │     parameters: { Nmae: x }
       ·                   ──┬─
       ·                     ╰── not declared
     6 │     capabilities: [CAPABILITY_IAM]
       ╰────
      help: did you mean `Name`?

    Error: stack::template_capabilities

      × the template `t` needs `CAPABILITY_NAMED_IAM`: `Admin` is of type `AWS::IAM::Role` and has a
      │ name of its own (line 3 of t.yaml)
       ╭─[stacks/test.yaml:6:5]
     5 │     parameters: { Nmae: x }
     6 │     capabilities: [CAPABILITY_IAM]
       ·     ──────┬─────
       ·           ╰── without `CAPABILITY_NAMED_IAM`
       ╰────
      help: if that is meant, add `CAPABILITY_NAMED_IAM` to `capabilities` of the template
    ");
}
