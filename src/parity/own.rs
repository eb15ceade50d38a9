//! A stack file's own tests: this is uploaded, that is expected.

use aws_sdk_dynamodb::types::AttributeValue;

use super::seen::{Played, Seen, Trouble};
use super::world::World;
use crate::resource::error::failed;
use crate::stack::model::{Expectation, Scalar, Test};

pub async fn play(world: &World, test: &Test) -> Played {
    let path = world.copy.root.join(&test.upload);
    let bytes = tokio::fs::read(&path).await;
    let bytes = bytes.map_err(|error| format!("{}: {error}", path.display()))?;
    let name = test
        .upload
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let key = match &test.key {
        Some(key) => key.clone(),
        None => format!("{}{name}", world.event()?.prefix),
    };
    let since = model::epoch_ms(world.cx.place.target.now()) - CLOCKS_MS;
    world.put(&key, bytes).await?;
    let mut seen = Seen::new();
    let within = std::time::Duration::from_secs(u64::from(test.within.0));
    for expectation in &test.expect {
        let met = world.until(within, || async { met(world, expectation, since).await });
        seen.is(&expectation.to_string(), met.await?.is_some());
    }
    Ok(seen)
}

/// Clocks of a function and of this machine may differ so much, ms.
const CLOCKS_MS: i64 = 2_000;

/// Is it so by now? Lines of logs are of `since` or later.
async fn met(world: &World, expectation: &Expectation, since: i64) -> Result<Option<()>, Trouble> {
    let met = match expectation {
        Expectation::Item { table, has } => has_item(world, table, has).await?,
        Expectation::Message { queue, contains } => {
            let is_it = |letter: &super::letters::Letter| letter.body.contains(contains);
            world.letters_of(queue).await?.iter().any(is_it)
        }
        Expectation::Log { function, contains } => {
            world
                .has_line(function, since, |event| event.raw.contains(contains))
                .await?
        }
    };
    Ok(met.then_some(()))
}

/// Is there an item with all of these attributes? The table is the copy's, and small.
async fn has_item(world: &World, table: &str, has: &[(String, Scalar)]) -> Result<bool, Trouble> {
    let name = world.cx.place.table(&world.copy, table).name;
    let mut from = None;
    loop {
        let scan = world.cx.clients.dynamodb.scan().table_name(&name);
        let page = scan
            .set_exclusive_start_key(from)
            .consistent_read(true)
            .send()
            .await;
        let page = page.map_err(failed("Scan"))?;
        let found = page.items().iter().any(|item| {
            has.iter()
                .all(|(name, value)| item.get(name).is_some_and(|there| is(there, value)))
        });
        if found {
            return Ok(true);
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(false);
        }
    }
}

fn is(there: &AttributeValue, value: &Scalar) -> bool {
    match (there, value) {
        (AttributeValue::S(there), Scalar::Text(value)) => there == value,
        (AttributeValue::N(there), Scalar::Number(value)) => there
            .parse::<f64>()
            .is_ok_and(|there| there.total_cmp(value).is_eq()),
        (AttributeValue::Bool(there), Scalar::Flag(value)) => there == value,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_by_kind() {
        let number = |text: &str| AttributeValue::N(text.to_owned());
        assert!(is(&number("100"), &Scalar::Number(100.0)));
        assert!(is(&number("1E2"), &Scalar::Number(100.0)));
        assert!(!is(&number("100"), &Scalar::Text("100".to_owned())));
        assert!(is(&AttributeValue::Bool(true), &Scalar::Flag(true)));
        assert!(!is(
            &AttributeValue::S("a".to_owned()),
            &Scalar::Text("b".to_owned())
        ));
    }
}
