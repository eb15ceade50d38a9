//! `pipectl status --watch`: looks again and again until somebody interrupts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::look;
use crate::apply::Cancel;
use crate::cli::{Ended, Global, Stop, session};
use crate::exit::Exit;
use crate::failure::CommandError;
use crate::operate::watch::{Found, Moment, StackLook, TargetLook, Watch};
use crate::render::{Renderer, Screen, human};
use crate::resource::CallError;
use crate::stack::model::Stack;
use crate::target::{Target, TargetRow};
use crate::wait::{self, TimedOut};

/// A look that takes longer is given up: a target may take connections and never answer.
const LONGEST_LOOK: Duration = Duration::from_secs(15);

/// One target that is watched.
struct Watched {
    row: Arc<TargetRow>,
    stack: Stack,
    /// As it was reached last; none after a look that failed.
    target: Option<Target>,
    watch: Watch,
}

/// What looks need, and when watching began.
struct Watcher<'a> {
    global: &'a Global,
    renderer: &'a Renderer,
    begun: Instant,
    interval: Duration,
    stack: String,
    targets: Vec<Watched>,
}

pub(super) async fn run(
    global: &Global,
    stack: Stack,
    rows: Vec<Arc<TargetRow>>,
    interval: Duration,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Ended {
    let mut watcher = Watcher {
        global,
        renderer,
        begun: Instant::now(),
        interval,
        stack: stack.name,
        targets: Vec::new(),
    };
    for row in rows {
        watcher.targets.push(Watched {
            stack: session::load(global, &row.name)?,
            target: None,
            watch: Watch::new(&row.name),
            row,
        });
    }
    let first = watcher.first_look().await?;
    // From now on there is a look to end with.
    cancel.go_on_until_asked();
    let _draining = cancel.drain();
    let last = watcher.go_on(first, cancel).await;
    if last.healthy {
        return Ok(());
    }
    let unwell = last.targets.iter().flat_map(TargetLook::unwell).collect();
    Err(CommandError::Unhealthy { unwell }.into())
}

impl Watcher<'_> {
    /// The first look fails like `status`, unless at least one of several targets answers.
    async fn first_look(&mut self) -> Result<StackLook, Stop> {
        let mut looks = Vec::new();
        let mut away = None;
        for (look, failure) in self.look_at_all().await {
            looks.push(look);
            match failure {
                Some(stop) if stop.failure.exit != Exit::Unreachable => return Err(stop),
                failure => away = away.or(failure),
            }
        }
        match away {
            Some(stop) if looks.iter().all(|look| look.error.is_some()) => Err(stop),
            _ => Ok(self.together(looks)),
        }
    }

    /// Shows this look and those that follow, until somebody interrupts or nobody reads any more. Returns
    /// the last one.
    async fn go_on(&mut self, first: StackLook, cancel: &Cancel) -> StackLook {
        let interval = self.interval;
        let mut screen = self.renderer.screen();
        let mut last = first;
        let mut is_read = self.show(None, &last, screen.as_mut());
        'looks: while is_read {
            let pause = wait::pause(interval);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    biased;
                    () = cancel.asked() => break 'looks,
                    () = &mut pause => break,
                    () = self.renderer.unread() => break 'looks,
                    () = resized(screen.as_mut()) => {
                        draw(screen.as_mut(), &last, interval);
                    }
                }
            }
            let looks = tokio::select! {
                biased;
                () = cancel.asked() => break,
                looks = self.look_at_all() => looks,
            };
            let now = self.together(looks.into_iter().map(|(look, _)| look).collect());
            is_read = self.show(Some(&last), &now, screen.as_mut());
            last = now;
        }
        if let Some(screen) = screen {
            // The screen goes; what was on it last stays.
            let (width, _) = screen.size();
            drop(screen);
            self.renderer
                .human(|| human::watched(&last, interval, (width, usize::MAX)).join("\n"));
        }
        last
    }

    /// False once nobody reads.
    fn show(
        &self,
        before: Option<&StackLook>,
        now: &StackLook,
        screen: Option<&mut Screen>,
    ) -> bool {
        if screen.is_some() {
            return draw(screen, now, self.interval);
        }
        self.renderer.piece(now, || match before {
            None => Some(human::watch_begun(now)),
            Some(before) => human::watch_changes(before, now),
        })
    }

    fn together(&self, looks: Vec<TargetLook>) -> StackLook {
        StackLook::new(&self.stack, OffsetDateTime::now_utc(), looks)
    }

    /// Looks at all targets at once; beside each look the failure, if it is one.
    async fn look_at_all(&mut self) -> Vec<(TargetLook, Option<Stop>)> {
        let (global, renderer, begun) = (self.global, self.renderer, self.begun);
        let looks = self.targets.iter_mut().map(|watched| async move {
            let found = watched.find(global, renderer);
            let found = wait::at_most(LONGEST_LOOK, found).await;
            let now = Moment {
                at: OffsetDateTime::now_utc(),
                elapsed: begun.elapsed(),
            };
            match found {
                Some(Ok((found, at))) => (watched.watch.found(found, Moment { at, ..now }), None),
                Some(Err(stop)) => {
                    watched.target = None;
                    let error = stop.failure.report.to_string();
                    (watched.watch.missed(error, now), Some(stop))
                }
                None => {
                    watched.target = None;
                    let failure = no_answer(&watched.row);
                    let error = failure.to_string();
                    (watched.watch.missed(error, now), Some(failure.into()))
                }
            }
        });
        futures::future::join_all(looks).await
    }
}

impl Watched {
    /// What is there, and when that was by the target's clock.
    async fn find(
        &mut self,
        global: &Global,
        renderer: &Renderer,
    ) -> Result<(Found, OffsetDateTime), Stop> {
        // A file that is being written may not be valid: then the one before goes on.
        if let Ok(stack) = session::load(global, &self.row.name) {
            self.stack = stack;
        }
        let target = match &self.target {
            Some(target) => target.clone(),
            None => session::reach(global, &self.stack, &self.row, false, renderer).await?,
        };
        let cx = session::context(&self.stack, target.clone(), None);
        let from = self.watch.results_from(target.now());
        let found = look(&cx, &self.stack, from).await?;
        let at = target.now();
        self.target = Some(target);
        Ok((found, at))
    }
}

/// The target takes calls and does not answer them.
fn no_answer(row: &TargetRow) -> CommandError {
    let late = TimedOut {
        what: "an answer",
        deadline: LONGEST_LOOK,
        last: "nothing".to_owned(),
    };
    CommandError::Call {
        what: format!("looking at {}", row.name),
        error: CallError {
            unreachable: true,
            ..late.into()
        },
        help: "look whether it still runs: `pipectl doctor` shows what answers where",
    }
}

/// Returns when the screen has another size; never without one.
async fn resized(screen: Option<&mut Screen>) {
    match screen {
        Some(screen) => screen.resized().await,
        None => std::future::pending().await,
    }
}

/// Draws a look. False once the terminal is gone.
fn draw(screen: Option<&mut Screen>, look: &StackLook, interval: Duration) -> bool {
    screen.is_none_or(|screen| screen.draw(|size| human::watched(look, interval, size)))
}
