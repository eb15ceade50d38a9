//! Ctrl-C, and the signal by which CI ends a job: once lets a plan that is being carried out finish what
//! is on its way, twice ends at once. A command that changes nothing ends at the first, and one that would go on
//! for ever has then done what was asked: it ends by itself if it says that it has something to end with.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::apply::Cancel;
use crate::event::{Event, Sink};
use crate::exit::Exit;
use crate::failure::{CommandError, Failure};
use crate::render::Renderer;

/// Runs a command until it ends or is interrupted.
pub(super) async fn watched(
    command: impl Future<Output = Exit>,
    renderer: &Renderer,
    cancel: &Cancel,
) -> Exit {
    tokio::pin!(command);
    // Where signals cannot be had, a command cannot be interrupted gently: the system ends it.
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return command.await;
    };
    tokio::select! {
        biased;
        exit = &mut command => return exit,
        () = either(&mut interrupt, &mut terminate) => {}
    }
    let endless = cancel.goes_on_until_asked();
    if endless && !cancel.is_draining() {
        return Exit::Done;
    }
    if !cancel.is_draining() {
        let failure = Failure::from(CommandError::InterruptedEarly);
        renderer.failure::<()>(&failure, None);
        return Exit::Interrupted;
    }
    cancel.ask();
    if !endless {
        renderer.emit(Event::Interrupted);
    }
    tokio::select! {
        biased;
        exit = &mut command => exit,
        () = either(&mut interrupt, &mut terminate) => {
            renderer.failure::<()>(&Failure::from(CommandError::Aborted), None);
            Exit::Aborted
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}
