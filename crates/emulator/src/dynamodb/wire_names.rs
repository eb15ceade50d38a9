//! The tables that an item operation is about, from its request.

use serde_json::Value;

/// Names in a request, whatever its shape: `TableName`, the keys of `RequestItems`, the table of
/// each action of a transaction, and what PartiQL statements name.
pub(super) fn tables_of(request: &Value) -> Vec<&str> {
    let mut names = Vec::new();
    if let Some(name) = request["TableName"].as_str() {
        names.push(name);
    }
    if let Some(tables) = request["RequestItems"].as_object() {
        names.extend(tables.keys().map(String::as_str));
    }
    for action in request["TransactItems"].as_array().into_iter().flatten() {
        let actions = action.as_object().into_iter().flatten();
        names.extend(actions.filter_map(|(_, action)| action["TableName"].as_str()));
    }
    let statements = ["TransactStatements", "Statements"]
        .into_iter()
        .filter_map(|list| request[list].as_array())
        .flatten()
        .chain([request]);
    names.extend(statements.filter_map(|one| table_of_statement(one["Statement"].as_str()?)));
    // A table may be named by its ARN.
    for name in &mut names {
        if let Some((_, bare)) = name.split_once(":table/") {
            *name = bare;
        }
    }
    names
}

/// The table of a PartiQL statement: the word behind `FROM`, `INTO` or `UPDATE`, without quotes
/// and without the name of an index.
fn table_of_statement(statement: &str) -> Option<&str> {
    let mut words = statement.split_whitespace();
    words.find(|word| {
        ["FROM", "INTO", "UPDATE"]
            .iter()
            .any(|keyword| word.eq_ignore_ascii_case(keyword))
    })?;
    let name = words.next()?;
    match name.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        // Bare names hold no dot, so what is behind one is an index.
        None => name.split('.').next(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_shape_of_request_names_its_tables() {
        for (request, names) in [
            (json!({"TableName": "one"}), vec!["one"]),
            (
                json!({"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/one"}),
                vec!["one"],
            ),
            (
                json!({"RequestItems": {"one": [], "two": []}}),
                vec!["one", "two"],
            ),
            (
                json!({"TransactItems": [
                    {"Put": {"TableName": "one"}}, {"ConditionCheck": {"TableName": "two"}},
                ]}),
                vec!["one", "two"],
            ),
            (
                json!({"Statement": "SELECT * FROM \"a.b\".\"by_day\" WHERE x = 1"}),
                vec!["a.b"],
            ),
            (json!({"Statement": "update one SET a = 1"}), vec!["one"]),
            (
                json!({"Statements": [{"Statement": "INSERT INTO one VALUE {}"}]}),
                vec!["one"],
            ),
            (
                json!({"TransactStatements": [{"Statement": "DELETE FROM \"two\" WHERE x = 1"}]}),
                vec!["two"],
            ),
            (json!({"Statement": "nonsense"}), vec![]),
            (json!({}), vec![]),
        ] {
            assert_eq!(tables_of(&request), names, "{request}");
        }
    }
}
