//! The proxy itself: a thread with a listener, a task per connection.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::answer::{self, ErrorAnswer};
use super::ledger::{Arrival, Ledger};
use super::operation::{self, Protocol};
use super::upstream::{Body, Upstream};
use super::{Call, Fault, FaultKind};
use crate::process;

/// A running proxy. It stops on drop, with all its connections.
pub struct FaultProxy {
    url: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the connections have in common.
struct Shared {
    ledger: Ledger,
    upstream: Upstream,
    /// Where calls of some services go instead.
    routes: Mutex<Vec<(String, Arc<Upstream>)>>,
    /// Errors that were answered, by which they get ids.
    errors: AtomicU64,
    /// What every answer says that the time is, instead of what the upstream says.
    date: Mutex<Option<HeaderValue>>,
}

impl FaultProxy {
    /// Starts one in front of an endpoint such as `http://127.0.0.1:4566`, on a port that the system
    /// gives. The endpoint is first asked when a call comes, and may come and go.
    ///
    /// # Panics
    /// When the endpoint is not `http://host:port`, or there is no port.
    pub fn start(upstream: &str) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            ledger: Ledger::default(),
            upstream: Upstream::new(upstream),
            routes: Mutex::default(),
            errors: AtomicU64::new(0),
            date: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let served = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                serve(listener, served, stopped).await;
            });
            // A hook or a delay may still take its time; nobody waits for the call any more.
            runtime.shutdown_background();
        });
        Self {
            url: format!("http://{address}"),
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Where clients have to send their calls.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends the calls of a service, by its name in signatures, to another upstream.
    ///
    /// # Panics
    /// As [`FaultProxy::start`].
    pub fn route(&self, service: &str, upstream: &str) {
        let upstream = Arc::new(Upstream::new(upstream));
        let mut routes = self.shared.routes.lock().expect("no holder panics");
        routes.push((service.to_owned(), upstream));
    }

    /// Arms a fault. There may be several: of those that hit a call, the one armed first counts.
    ///
    /// # Panics
    /// When it can hit nothing (calls are counted from 1), or has an answer that cannot be sent.
    pub fn arm(&self, fault: Fault) {
        assert!(fault.nth > 0, "calls are counted from 1: {fault:?}");
        if let FaultKind::Answer {
            status,
            code,
            message,
        } = &fault.kind
        {
            ErrorAnswer::new(*status, code, message);
        }
        if let FaultKind::Reply {
            status,
            headers,
            body,
        } = &fault.kind
        {
            answer::reply(*status, headers, body);
        }
        self.shared.ledger.arm(fault);
    }

    /// Takes all faults away. What has hit a call already goes on.
    pub fn disarm(&self) {
        self.shared.ledger.disarm();
    }

    /// Has every answer say that this is the time: a date as HTTP writes it.
    ///
    /// # Panics
    /// When it cannot be a header's value.
    pub fn say_time(&self, date: &str) {
        let date = HeaderValue::from_str(date).expect("the value of a header");
        *self.shared.date.lock().expect("no holder panics") = Some(date);
    }

    /// The calls since the start or the last reset, in the order in which they arrived.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.ledger.calls()
    }

    /// Forgets the calls and starts to count from 1 again; faults stay armed.
    pub fn reset(&self) {
        self.shared.ledger.reset();
    }

    /// Has `hook` called with each call that has arrived whole, before anything else happens to it: the
    /// call waits until the hook returns, others go on. It replaces the hook before.
    ///
    /// Which fault hits the call is decided by then. A call that writes goes on even when the hook ends
    /// its client, as a request would that AWS has; a read ends with its client. A hook that panics
    /// closes the connection, and the upstream does not see the call.
    pub fn on_call(&self, hook: impl Fn(&Call) + Send + Sync + 'static) {
        self.shared.ledger.set_hook(Arc::new(hook));
    }
}

impl std::fmt::Debug for FaultProxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultProxy")
            .field("url", &self.url)
            .field("upstream", &self.shared.upstream.authority())
            .finish_non_exhaustive()
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Neither fails unless the thread is gone.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes connections until it is told to stop.
async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stop => return,
        };
        // One that is gone already; others come.
        let Ok((stream, _)) = accepted else { continue };
        let _ = stream.set_nodelay(true);
        let shared = shared.clone();
        let service = service_fn(move |request| handle(shared.clone(), request));
        let connection = http1::Builder::new()
            .preserve_header_case(true)
            .serve_connection(TokioIo::new(stream), service);
        // It fails whenever a fault closes it.
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}

/// One call. An error closes the client's connection without a byte.
async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let named = operation::named(&head, &body);
    let arrival = shared.ledger.arrived(&named);
    let writes = arrival.call.writes;
    let request = Request::from_parts(head, Full::new(body));
    let call = pass(shared, arrival, named.protocol, request);
    if writes {
        // A client that goes away takes its connection along, but not this.
        tokio::spawn(call).await.map_err(io::Error::other)?
    } else {
        call.await
    }
}

/// Lets the hook see the call, and the fault have it.
async fn pass(
    shared: Arc<Shared>,
    arrival: Arrival,
    protocol: Protocol,
    request: Request<Body>,
) -> io::Result<Response<Body>> {
    let Arrival { id, call, hook } = arrival;
    let fault = call.fault.clone();
    let route = {
        let routes = shared.routes.lock().expect("no holder panics");
        let found = routes.iter().find(|(service, _)| *service == call.service);
        found.map(|(_, upstream)| Arc::clone(upstream))
    };
    if let Some(hook) = hook {
        spawn_blocking(move || hook(&call)).await?;
    }
    match &fault {
        None | Some(FaultKind::CutAfter) => {}
        Some(FaultKind::RefuseBefore) => return Err(closed()),
        Some(FaultKind::Delay(time)) => {
            let time = *time;
            spawn_blocking(move || process::pause_for(time)).await?;
        }
        Some(FaultKind::Answer {
            status,
            code,
            message,
        }) => {
            let number = shared.errors.fetch_add(1, Ordering::Relaxed) + 1;
            shared.ledger.answered(id, *status);
            let answer = ErrorAnswer::new(*status, code, message);
            return Ok(answer.respond(protocol, &format!("fault-{number:06}")));
        }
        Some(FaultKind::Reply {
            status,
            headers,
            body,
        }) => {
            shared.ledger.answered(id, *status);
            return Ok(answer::reply(*status, headers, body));
        }
    }
    let upstream = route.as_deref().unwrap_or(&shared.upstream);
    let mut response = upstream.forward(request).await?;
    if let Some(date) = &*shared.date.lock().expect("no holder panics") {
        response.headers_mut().insert(DATE, date.clone());
    }
    shared.ledger.answered(id, response.status().as_u16());
    if fault == Some(FaultKind::CutAfter) {
        return Err(closed());
    }
    Ok(response)
}

fn closed() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionAborted)
}
