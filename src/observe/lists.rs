//! What the target's lists tell: everything whose name begins as the stack's do.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{FuturesUnordered, StreamExt};

use super::{Limits, Look, ObserveError, all_or};
use crate::resource::{self, Context, KINDS, Listed, Wanted};
use crate::stack::model::LogicalId;

/// What lists told.
#[derive(Default)]
pub(super) struct Lists(pub(super) Vec<Listed>);

impl Lists {
    /// Lists every kind that stands by itself, or with `parents` every kind that is within others.
    pub(super) async fn read(
        cx: &Context,
        limits: &Limits,
        parents: Option<&[Wanted]>,
    ) -> Result<Self, Vec<ObserveError>> {
        let mut asked: Vec<(&'static dyn resource::ResourceKind, Option<&Wanted>)> = Vec::new();
        for kind in KINDS.iter().copied() {
            match (parents, kind.within()) {
                (None, None) => asked.push((kind, None)),
                (Some(parents), Some(of)) => {
                    let parents = parents.iter().filter(|parent| parent.id.kind == of);
                    asked.extend(parents.map(|parent| (kind, Some(parent))));
                }
                _ => {}
            }
        }
        let mut reads: FuturesUnordered<_> = asked
            .into_iter()
            .map(|(kind, parent)| async move {
                let _place = limits.place(kind.service()).await;
                (kind.kind(), kind.list(cx, parent).await)
            })
            .collect();
        let mut lists = Self::default();
        let mut errors = Vec::new();
        while let Some((kind, found)) = reads.next().await {
            match found {
                Ok(found) => lists.0.extend(found),
                Err(error) => errors.push(ObserveError {
                    what: format!("the list of {}", kind.section()),
                    error,
                }),
            }
        }
        all_or(errors, lists)
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// What may have others within it.
    pub(super) fn parents(&self) -> Vec<Wanted> {
        self.0.iter().map(|listed| listed.wanted.clone()).collect()
    }

    /// What was listed and is not wanted.
    pub(super) fn unwanted<'a>(
        &'a self,
        wanted: &[Wanted],
    ) -> impl Iterator<Item = &'a Wanted> + use<'a> {
        let ids: BTreeSet<LogicalId> = wanted.iter().map(|wanted| wanted.id.clone()).collect();
        self.0
            .iter()
            .map(|listed| &listed.wanted)
            .filter(move |listed| !ids.contains(&listed.id))
    }

    /// How to look at something; none for what is not listed.
    pub(super) fn look<'a>(&'a self, wanted: &'a Wanted) -> Option<Look<'a>> {
        let listed = self.0.iter().find(|listed| listed.wanted.id == wanted.id)?;
        Some(Look {
            wanted,
            listed: listed.live.as_ref(),
            is_leftover: std::ptr::eq(&raw const listed.wanted, wanted),
        })
    }

    /// Names that are joined by `-` come to the same for different pairs: what was listed under a wanted id
    /// and is something else gets an id that nothing wanted has, and so does the second of two.
    pub(super) fn tell_apart(&mut self, wanted: &[Wanted]) {
        let wanted: BTreeMap<&LogicalId, &Wanted> = wanted.iter().map(|w| (&w.id, w)).collect();
        // A page boundary may name the same thing twice: it is one thing.
        let mut seen: BTreeSet<(LogicalId, String, Option<LogicalId>)> = BTreeSet::new();
        self.0.retain(|Listed { wanted, .. }| {
            let name = wanted.identity.name.clone();
            seen.insert((wanted.id.clone(), name, wanted.within.clone()))
        });
        // A name that had to be cut does not tell what it is called in the stack: the wanted name does.
        for listed in &mut self.0 {
            let found = &mut listed.wanted;
            let same = wanted.values().find(|wanted| {
                wanted.id.kind == found.id.kind
                    && wanted.identity.name == found.identity.name
                    && wanted.within == found.within
            });
            if let Some(same) = same.filter(|_| !wanted.contains_key(&found.id)) {
                found.id = same.id.clone();
            }
        }
        let mut taken: BTreeSet<LogicalId> = BTreeSet::new();
        for listed in &mut self.0 {
            let id = &listed.wanted.id;
            let is_other = wanted.get(id).is_some_and(|wanted| {
                wanted.identity.name != listed.wanted.identity.name
                    || wanted.within != listed.wanted.within
            });
            if is_other || taken.contains(id) {
                let of = listed.wanted.within.as_ref();
                let of = of.map_or_else(
                    || listed.wanted.identity.name.clone(),
                    |parent| format!("{} of {parent}", id.name),
                );
                listed.wanted.id = LogicalId::new(id.kind, of);
            }
            taken.insert(listed.wanted.id.clone());
        }
    }
}
