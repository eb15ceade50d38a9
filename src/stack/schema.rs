//! The JSON schema of stack files, for editors and other programs.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::fields::{SECTIONS, STACK, Shape};
use super::raw;
use super::read::wiring::event_names;
use super::units::Unit;

/// Suffix of the definitions for overrides, in which nothing is required.
const OVERRIDE: &str = "Override";
const DEFINITIONS: &str = "$defs";

/// The JSON schema (2020-12) of stack files: every field with its unit, range and default.
pub fn schema() -> Value {
    let generated = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<raw::Stack>();
    let mut schema = generated.to_value();
    // The root becomes a definition like the others while they are worked on.
    let definitions = schema
        .as_object_mut()
        .and_then(|root| root.shift_remove(DEFINITIONS));
    let mut definitions = match definitions {
        Some(Value::Object(definitions)) => definitions,
        _ => Map::new(),
    };
    definitions.insert(STACK.definition.to_owned(), schema);
    definitions.values_mut().for_each(without_null);
    for section in SECTIONS {
        for field in section.fields {
            let property = definitions
                .get_mut(section.definition)
                .and_then(|definition| definition["properties"].get_mut(field.name));
            if let Some(property) = property {
                annotate(property, field.shape);
            }
        }
    }
    if let Some(wiring) = definitions.get_mut("Wiring") {
        wiring["properties"]["events"]["items"]["enum"] = event_names().collect();
    }
    overrides(&mut definitions);
    let mut root = match definitions.shift_remove(STACK.definition) {
        Some(Value::Object(root)) => root,
        _ => Map::new(),
    };
    root.insert("title".to_owned(), "pipectl stack".into());
    root.insert(DEFINITIONS.to_owned(), Value::Object(definitions));
    Value::Object(root)
}

/// Adds what the reader's table knows of a field.
fn annotate(property: &mut Value, shape: Shape) {
    let Some(property) = property.as_object_mut() else {
        return;
    };
    if let Some(note) = shape.note() {
        let said = property
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let description = format!("{} ({note})", said.trim_end_matches('.'));
        property.insert("description".to_owned(), description.into());
    }
    let default = match shape {
        Shape::Flag => Some(Value::Bool(false)),
        Shape::Number {
            unit: Unit::Count,
            default,
            ..
        } => default.map(Value::from),
        Shape::Number { unit, default, .. } => default.map(|value| unit.show(value).into()),
        Shape::Word(words) => words.first().map(|word| (*word).into()),
        Shape::Other => None,
    };
    if let Some(default) = default {
        property.insert("default".to_owned(), default);
    }
    if let Shape::Number {
        unit: Unit::Count,
        min,
        max,
        ..
    } = shape
    {
        property.shift_remove("format");
        property.insert("minimum".to_owned(), min.into());
        property.insert("maximum".to_owned(), max.into());
    }
}

/// A field that may be absent may not be null: takes the null that optional types bring along.
fn without_null(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = &types[..] {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
                choices.retain(|choice| *choice != json!({ "type": "null" }));
                if let [Value::Object(only)] = &choices[..] {
                    let only = only.clone();
                    object.shift_remove("anyOf");
                    object.extend(only);
                }
            }
            object.values_mut().for_each(without_null);
        }
        Value::Array(items) => items.iter_mut().for_each(without_null),
        _ => {}
    }
}

/// Gives overrides the shape of a stack in which nothing is required. Items of lists are whole, as
/// lists are replaced and not merged.
fn overrides(definitions: &mut Map<String, Value>) {
    let merged: Vec<&str> = SECTIONS
        .iter()
        .map(|section| section.definition)
        .filter(|name| {
            !matches!(
                *name,
                "Access"
                    | "Wiring"
                    | "TypedKey"
                    | "Test"
                    | "Expectation"
                    | "Item"
                    | "Message"
                    | "LogLine"
            )
        })
        .collect();
    let mut copies = Map::new();
    for name in &merged {
        let Some(mut copy) = definitions.get(*name).cloned() else {
            continue;
        };
        if let Some(copy) = copy.as_object_mut() {
            copy.shift_remove("required");
            copy.shift_remove("$schema");
            copy.shift_remove("title");
        }
        relink(&mut copy, &merged);
        if let Some(properties) = copy["properties"]
            .as_object_mut()
            .filter(|_| *name == STACK.definition)
        {
            properties.shift_remove("stack");
            properties.shift_remove("tests");
            properties.shift_remove("targets");
        }
        copies.insert(format!("{name}{OVERRIDE}"), copy);
    }
    if let Some(Value::Object(mut stack)) =
        copies.shift_remove(&format!("{}{OVERRIDE}", STACK.definition))
    {
        if let Some(described) = definitions
            .get("Overrides")
            .and_then(|whole| whole.get("description"))
        {
            stack.insert("description".to_owned(), described.clone());
        }
        definitions.insert("Overrides".to_owned(), Value::Object(stack));
    }
    definitions.extend(copies);
}

/// Points references to the definitions in `merged` at their copies.
fn relink(value: &mut Value, merged: &[&str]) {
    match value {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                let target = value
                    .as_str()
                    .and_then(|link| link.strip_prefix("#/$defs/"));
                match target.filter(|name| key == "$ref" && merged.contains(name)) {
                    Some(name) => *value = format!("#/$defs/{name}{OVERRIDE}").into(),
                    None => relink(value, merged),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relink(item, merged)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn definition<'a>(schema: &'a Value, name: &str) -> &'a Value {
        if name == STACK.definition {
            schema
        } else {
            &schema["$defs"][name]
        }
    }

    #[test]
    fn schema_and_reader_know_the_same_fields() {
        let schema = schema();
        for section in SECTIONS {
            let definition = definition(&schema, section.definition);
            let properties = definition["properties"].as_object().expect("properties");
            let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
            assert_eq!(
                described,
                section.names().collect(),
                "{}",
                section.definition
            );
            let required: BTreeSet<&str> = definition["required"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let wanted = section
                .fields
                .iter()
                .filter(|field| field.required)
                .map(|field| field.name);
            assert_eq!(required, wanted.collect(), "{}", section.definition);
            assert_eq!(
                definition["additionalProperties"], false,
                "{}",
                section.definition
            );
        }
    }

    #[test]
    fn every_field_is_described_with_its_range_and_default() {
        let schema = schema();
        for section in SECTIONS {
            for field in section.fields {
                let property = &definition(&schema, section.definition)["properties"][field.name];
                let said = property["description"].as_str().unwrap_or_default();
                assert!(
                    !said.is_empty(),
                    "{}.{} is not described",
                    section.definition,
                    field.name
                );
                if let Some(note) = field.shape.note() {
                    assert!(said.ends_with(&format!("({note})")), "{said}");
                }
            }
        }
    }

    #[test]
    fn overrides_require_nothing_and_cannot_rename() {
        let schema = schema();
        let overrides = &schema["$defs"]["Overrides"];
        assert_eq!(overrides["required"], Value::Null);
        assert_eq!(overrides["properties"]["stack"], Value::Null);
        let function = &overrides["properties"]["functions"]["additionalProperties"]["$ref"];
        assert_eq!(function, "#/$defs/FunctionOverride");
        assert_eq!(schema["$defs"]["FunctionOverride"]["required"], Value::Null);
        let text = schema.to_string();
        for link in text.split("\"$ref\":\"#/$defs/").skip(1) {
            let name = link.split('"').next().expect("a name");
            assert!(
                schema["$defs"].get(name).is_some(),
                "{name} is linked and missing"
            );
        }
    }

    #[test]
    fn the_example_is_as_the_schema_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("stacks/log-pipeline.yaml");
        let text = std::fs::read_to_string(path).expect("the example");
        let raw: raw::Stack = serde_saphyr::from_str(&text).expect("as the schema says");
        assert_eq!(raw.stack, "log-pipeline");
    }

    #[test]
    fn the_schema_in_the_documents_is_this_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/stack.schema.json");
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let now = format!("{:#}\n", schema());
        assert!(
            written == now,
            "run `pipectl schema > docs/stack.schema.json`"
        );
    }
}
