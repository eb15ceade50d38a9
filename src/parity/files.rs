//! Files of every kind, and what comes of them.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use model::JobResult;
use model::sample::{SEED, sample};

use super::adjust::LARGEST_FILE;
use super::seen::{Played, Seen, Trouble};
use super::world::World;

/// Tells of a result all that does not differ from run to run.
pub fn tell(seen: &mut Seen, name: &str, result: Option<&JobResult>) {
    let called = |what: &str| {
        if name.is_empty() {
            what.to_owned()
        } else {
            format!("{name}: {what}")
        }
    };
    let Some(result) = result else {
        seen.fact(called("status"), "no result");
        return;
    };
    seen.fact(called("status"), result.status.as_str());
    if let Some(reason) = &result.reason {
        seen.fact(called("reason"), &reason.code);
    }
    seen.fact(called("lines"), result.lines);
    seen.fact(called("malformed"), result.malformed);
    seen.fact(called("size"), result.size);
    let statistics = serde_json::json!({
        "malformed_positions": result.malformed_positions, "levels": result.levels,
        "services": result.services, "error_rate": result.error_rate,
        "first": result.first_timestamp, "last": result.last_timestamp,
        "duration_ms": result.duration_ms, "top_errors": result.top_errors,
        "top_denied_sources": result.top_denied_sources,
    });
    seen.fact(called("statistics"), statistics);
}

/// One file, from the upload to its result.
async fn one(world: &World, tag: &str, ending: &str, body: impl Into<Vec<u8>>) -> Played {
    let stored = world.put(&world.key(tag, "go", ending)?, body).await?;
    let result = world.result(&stored).await?;
    let mut seen = Seen::new();
    tell(&mut seen, "", result.as_ref());
    Ok(seen)
}

pub async fn lines_100(world: &World) -> Played {
    one(world, "file-100-lines", ".ndjson", sample(SEED, 100, false)).await
}

pub async fn lines_1000(world: &World) -> Played {
    one(
        world,
        "file-1000-lines",
        ".ndjson",
        sample(SEED + 1, 1_000, false),
    )
    .await
}

pub async fn gzip(world: &World) -> Played {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(sample(SEED + 2, 200, false).as_bytes());
    written.map_err(|error| error.to_string())?;
    let bytes = encoder.finish().map_err(|error| error.to_string())?;
    one(world, "file-gzip", ".ndjson.gz", bytes).await
}

pub async fn malformed(world: &World) -> Played {
    one(
        world,
        "file-malformed-lines",
        ".ndjson",
        sample(SEED + 3, 100, true),
    )
    .await
}

pub async fn empty(world: &World) -> Played {
    one(world, "file-empty", ".ndjson", Vec::new()).await
}

pub async fn wrong_suffix(world: &World) -> Played {
    one(world, "file-wrong-suffix", ".csv", "a,b\n1,2\n").await
}

pub async fn crlf_and_bom(world: &World) -> Played {
    let text = sample(SEED + 4, 50, false).replace('\n', "\r\n");
    one(world, "file-crlf-bom", ".ndjson", format!("\u{feff}{text}")).await
}

pub async fn mb_20(world: &World) -> Played {
    let bytes = of_size(20 * 1024 * 1024).await;
    one(world, "file-20-mb", ".ndjson", bytes).await
}

pub async fn too_large(world: &World) -> Played {
    let bytes = of_size(LARGEST_FILE + 1).await;
    one(world, "file-too-large", ".ndjson", bytes).await
}

/// A log of at least so many bytes.
async fn of_size(bytes: usize) -> Vec<u8> {
    crate::wait::blocking(move || {
        let block = sample(SEED + 5, 5_000, false);
        let mut text = block.repeat(bytes / block.len());
        let rest = block.lines().map(|line| format!("{line}\n"));
        for line in rest {
            if text.len() >= bytes {
                break;
            }
            text.push_str(&line);
        }
        text.into_bytes()
    })
    .await
}

pub async fn outside_prefix(world: &World) -> Played {
    let tag = "file-outside-prefix";
    let function = world.function()?.to_owned();
    let body = sample(SEED + 6, 5, false);
    world
        .put(&world.outside(tag, ".ndjson")?, body.clone())
        .await?;
    // What comes after it has been through when its absence is told.
    world
        .put(&world.key("file-inside-prefix", "go", ".ndjson")?, body)
        .await?;
    let inside = world.traces("file-inside-prefix", &function, 1).await?;
    let mut seen = Seen::new();
    seen.fact(
        "invocations for the file outside",
        world.traces_now(tag, &function).await?.len(),
    );
    seen.is(
        "one inside that came after it starts the function",
        !inside.is_empty(),
    );
    Ok(seen)
}

/// Keys that have to be encoded in one way or another.
const ODD: &[(&str, &str)] = &[
    ("space", "a b"),
    ("plus", "a+b"),
    ("%2B", "a%2Bb"),
    ("ü", "aüb"),
    ("emoji", "a😀b"),
    ("signs", "a&b=c;d:e@f,g(h)'i!j$k"),
];

pub async fn odd_keys(world: &World) -> Played {
    let mut all = Vec::new();
    for (index, (name, text)) in ODD.iter().enumerate() {
        let key = world.key("file-odd-keys", "go", &format!("{text}.ndjson"))?;
        let body = sample(SEED + 7, index + 1, false);
        all.push((name, world.put(&key, body).await?));
    }
    let mut seen = Seen::new();
    for (name, stored) in all {
        let result = world.result(&stored).await?;
        let told = match &result {
            None => "no result".to_owned(),
            Some(result) if result.key == stored.key => result.status.as_str().to_owned(),
            Some(_) => "another key in the result".to_owned(),
        };
        seen.fact(format!("key with {name}"), told);
    }
    Ok(seen)
}

/// Characters of the long key. S3 takes 1,024 bytes.
const LONG: usize = 1_000;

pub async fn long_key(world: &World) -> Played {
    let short = world.key("file-long-key", "go", ".ndjson")?;
    let missing = LONG.checked_sub(short.len());
    let missing = missing.ok_or_else(|| Trouble::Failed("the prefix is too long".to_owned()))?;
    let key = world.key(
        "file-long-key",
        "go",
        &format!("{}.ndjson", "k".repeat(missing)),
    )?;
    let stored = world.put(&key, sample(SEED + 8, 3, false)).await?;
    let result = world.result(&stored).await?;
    let mut seen = Seen::new();
    tell(&mut seen, "", result.as_ref());
    seen.fact(
        "key in the result, characters",
        result.map_or(0, |one| one.key.len()),
    );
    Ok(seen)
}
