//! Which two targets are meant.

use std::sync::Arc;

use super::super::{Global, Stop, session};
use crate::copies;
use crate::parity::ParityError;
use crate::parity::parts::Parts;
use crate::render::Renderer;
use crate::stack::Address;
use crate::stack::model::Stack;
use crate::target::{ProductName, Target, TargetError, TargetRow};

/// A target, and the stack as it is for it.
pub(super) struct Place {
    /// What it is called.
    pub(super) label: String,
    /// The stack as it is for it.
    pub(super) stack: Stack,
    /// The target.
    pub(super) target: Target,
    /// What scenarios work with.
    pub(super) parts: Parts,
}

/// A target as it is written: its name, and its endpoint.
pub(super) type Named<'a> = (&'a str, Option<&'a str>);

/// Takes `NAME` or `NAME=URL` apart.
pub(super) fn written(text: &str) -> Named<'_> {
    text.split_once('=')
        .map_or((text, None), |(name, url)| (name, Some(url)))
}

/// The rows of both.
pub(super) fn rows(global: &Global, named: &[Named<'_>; 2]) -> Result<[Arc<TargetRow>; 2], Stop> {
    let row = |(name, endpoint): &Named<'_>| {
        let row = session::find_row(&alone(global), name)?;
        match endpoint.filter(|_| row.capabilities.self_served) {
            None => Ok(row),
            Some(endpoint) => {
                let (target, endpoint) = ((*name).to_owned(), endpoint.to_owned());
                Err(Stop::from(ParityError::NoEndpoint { target, endpoint }))
            }
        }
    };
    let rows = [row(&named[0])?, row(&named[1])?];
    let [a, b] = &rows;
    if a.name == b.name && named[0].1 == named[1].1 {
        let place = format!("the target `{}`", a.name);
        // With `--endpoint` it is not known yet which of them is meant.
        if global.endpoint.is_none() || a.capabilities.self_served {
            return Err(ParityError::SameTarget { place }.into());
        }
    }
    if global.profile.is_some() && !rows.iter().any(|row| row.signs_for_aws()) {
        let target = a.name.to_string();
        return Err(TargetError::NoProfile { target }.into());
    }
    Ok(rows)
}

/// Which of both `--endpoint` is meant for.
pub(super) fn whose(global: &Global, named: &[Named<'_>; 2]) -> Result<Option<usize>, Stop> {
    let Some(endpoint) = &global.endpoint else {
        return Ok(None);
    };
    let takes = |(name, written): &Named<'_>| -> Result<bool, Stop> {
        let row = session::find_row(&alone(global), name)?;
        Ok(written.is_none() && !row.capabilities.self_served)
    };
    match [takes(&named[0])?, takes(&named[1])?] {
        [true, false] => Ok(Some(0)),
        [false, true] => Ok(Some(1)),
        [true, true] => {
            let target = named[0].0.to_owned();
            Err(ParityError::WhoseEndpoint { target }.into())
        }
        [false, false] => {
            let (target, endpoint) = (named[0].0.to_owned(), endpoint.clone());
            Err(ParityError::NoEndpoint { target, endpoint }.into())
        }
    }
}

/// The options that are of no single target.
fn alone(global: &Global) -> Global {
    Global {
        profile: None,
        endpoint: None,
        ..global.clone()
    }
}

pub(super) async fn reach(
    global: &Global,
    name: &str,
    endpoint: Option<&str>,
    renderer: &Renderer,
) -> Result<Place, Stop> {
    // A profile is for the side that signs for AWS.
    let signs = session::find_row(&alone(global), name)?.signs_for_aws();
    let global = Global {
        target: Some(name.to_owned()),
        endpoint: endpoint.map(str::to_owned),
        profile: global.profile.clone().filter(|_| signs),
        ..global.clone()
    };
    let row = session::find_row(&global, name)?;
    let stack = session::load(&global, name)?;
    let target = session::reach(&global, &stack, &row, true, renderer).await?;
    let label = match target.product.name {
        ProductName::Embedded => "embedded",
        ProductName::LocalStack => "localstack",
        ProductName::MiniStack => "ministack",
        ProductName::Moto => "moto",
        ProductName::Aws | ProductName::Other => name,
    };
    let parts = Parts::of(&stack, &copies::context(&stack, &target, None).place);
    Ok(Place {
        label: label.to_owned(),
        stack,
        target,
        parts,
    })
}

/// Both, with labels that tell them apart.
pub(super) fn told_apart([a, mut b]: [Place; 2]) -> Result<[Place; 2], Stop> {
    let (of_a, of_b) = (&a.target, &b.target);
    let same = match (of_a.endpoint(), of_b.endpoint()) {
        (Some(of_a), Some(of_b)) => is_one(of_a, of_b),
        (None, None) => of_a.account == of_b.account && of_a.region() == of_b.region(),
        _ => false,
    };
    if same {
        let place = of_a.place();
        return Err(ParityError::SameTarget { place }.into());
    }
    if a.label == b.label {
        b.label.push_str("-2");
    }
    Ok([a, b])
}

/// Are two endpoints one? This machine has several names.
fn is_one(a: &str, b: &str) -> bool {
    match (Address::parse(a), Address::parse(b)) {
        (Some(a), Some(b)) if a.is_this_machine() && b.is_this_machine() => a.port == b.port,
        _ => a == b,
    }
}
