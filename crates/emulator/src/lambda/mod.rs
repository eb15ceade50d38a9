//! Lambda: functions as real `bootstrap` processes, invoked directly, by events, and by queues.

mod async_invoke;
mod claims;
mod code;
mod handlers;
mod handlers_functions;
mod handlers_invoke;
mod handlers_mappings;
mod handlers_settings;
mod mapping;
mod operations;
mod policy;
mod routes;
mod runtime;
mod source;
mod state;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::bus::{FunctionPort, InvokePermission, LogLine};
use crate::error::AwsError;
use crate::server::{Shared, StartError};
use crate::service::{Request, Response, Service};
use crate::store;
use handlers::Call;
use handlers_invoke::{MAX_REQUEST_BYTES, body_of};
use mapping::Limit;
pub(crate) use operations::OPERATIONS;
use runtime::{ROOM, Runtime, Surroundings, Told};
use state::{ChangeKind, Function, Mapping, State, function_name};

/// AWS Lambda.
pub(crate) struct LambdaService {
    shared: Arc<Shared>,
    state: State,
    runtime: Arc<Runtime>,
    /// Pollers by the UUID of their mapping.
    pollers: Mutex<HashMap<String, CancellationToken>>,
    /// Running batches by the UUID of their mapping.
    limits: Mutex<HashMap<String, Arc<Limit>>>,
    /// Held by every operation that changes something: most of them read, change and write back.
    changing: Mutex<()>,
    /// Held while log lines of a function are written and while a function is deleted: lines written
    /// later would bring back its log group. // aws-behaviours C2
    logging: Mutex<()>,
    generation: AtomicU64,
    /// Lines of functions' output, until the writer is started.
    output: Mutex<Option<mpsc::UnboundedReceiver<Told>>>,
    /// This service as background tasks need it.
    own: OnceLock<Weak<LambdaService>>,
}

/// Opens the store.
pub(crate) fn open(shared: Arc<Shared>) -> Result<Arc<LambdaService>, StartError> {
    // Processes are started in directories of their own, where a relative path leads elsewhere.
    let directory = std::path::absolute(shared.data_dir.join("lambda"))
        .unwrap_or_else(|_| shared.data_dir.join("lambda"));
    let path = directory.join("lambda.sqlite");
    let connection = store::open(&path, state::MIGRATIONS, shared.durability)?;
    let state = State::new(connection, &directory).map_err(|error| StartError::Tables {
        path,
        message: error.to_string(),
    })?;
    // This process holds the data directory: what still runs was left by one that was killed.
    runtime::end_leftovers(&state.code);
    let scratch = directory.join("scratch");
    if let Err(error) = std::fs::remove_dir_all(&scratch)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %scratch.display(), "temporary files stay");
    }
    let (sender, receiver) = mpsc::unbounded_channel();
    let runtime = Runtime::new(Surroundings {
        clock: shared.clock.clone(),
        endpoint: shared.endpoint.clone(),
        code: state.code.clone(),
        scratch,
        output: sender,
        room: Arc::new(Semaphore::new(ROOM)),
    });
    let generation = state
        .functions()
        .iter()
        .map(|function| function.generation)
        .max()
        .unwrap_or(0);
    sweep_code(&state);
    let service = Arc::new(LambdaService {
        shared,
        state,
        runtime,
        pollers: Mutex::default(),
        limits: Mutex::default(),
        changing: Mutex::default(),
        logging: Mutex::default(),
        generation: AtomicU64::new(generation),
        output: Mutex::new(Some(receiver)),
        own: OnceLock::new(),
    });
    // Set once, here.
    let _ = service.own.set(Arc::downgrade(&service));
    Ok(service)
}

/// Removes code that a stop or a crash left behind.
fn sweep_code(state: &State) {
    // Without a directory there is nothing to remove.
    let Ok(entries) = std::fs::read_dir(&state.code) else {
        return;
    };
    let functions = state.functions();
    for entry in entries.flatten() {
        let used = |function: &Arc<Function>| entry.file_name() == *function.code_dir;
        if !functions.iter().any(used)
            && let Err(error) = std::fs::remove_dir_all(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "unused code stays");
        }
    }
}

impl LambdaService {
    /// Starts what goes on in the background, and takes up what was accepted before a stop.
    pub(crate) fn start(self: &Arc<Self>) {
        let output = self.output.lock().expect("no holder panics").take();
        if let Some(output) = output {
            let own = Arc::downgrade(self);
            let append = move |function: &str, group: &str, stream: &str, lines: &[LogLine]| {
                if let Some(own) = own.upgrade() {
                    own.append(function, group, stream, lines);
                }
            };
            tokio::spawn(runtime::write(output, append));
        }
        let own = Arc::clone(self);
        tokio::spawn(async move {
            tokio::select! {
                () = own.runtime.reclaim() => {}
                () = own.shared.stop.cancelled() => {}
            }
        });
        for mapping in self.state.mappings() {
            self.poll_mapping(&mapping);
            self.remove_when_deleted(&mapping);
        }
        match self.state.pending() {
            Ok(all) => {
                for pending in all {
                    tokio::spawn(async_invoke::settle(Arc::clone(self), pending));
                }
            }
            Err(error) => tracing::error!(%error, "accepted invocations cannot be read"),
        }
    }

    /// Ends every process of a function and waits until they are gone.
    pub(crate) async fn stop(&self) {
        for (_, poller) in self.pollers().drain() {
            poller.cancel();
        }
        self.runtime.stop().await;
    }

    fn now_ms(&self) -> i64 {
        self.shared.clock.now_ms()
    }

    fn next_generation(&self) -> u64 {
        self.generation.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn pollers(&self) -> MutexGuard<'_, HashMap<String, CancellationToken>> {
        self.pollers.lock().expect("no holder panics")
    }

    /// Answers a request of the control plane. What changes something may unpack code, which must not
    /// keep other requests waiting.
    async fn answer(&self, call: Call) -> handlers::Answer {
        let Some(own) = self.own().filter(|_| call.method != Method::GET) else {
            return handlers::dispatch(self, &call);
        };
        tokio::task::spawn_blocking(move || handlers::dispatch(&own, &call))
            .await
            .unwrap_or_else(|error| Err(AwsError::internal(error)))
    }

    fn own(&self) -> Option<Arc<Self>> {
        self.own.get().and_then(Weak::upgrade)
    }

    /// Stores a function whose code or configuration changed; environments of before are retired.
    fn change(&self, mut function: Function) -> Result<Arc<Function>, AwsError> {
        function.generation = self.next_generation();
        function.modified_ms = self.now_ms();
        function.updating_until_ms = self.now_ms() + self.shared.behaviour.function_update_ms;
        let function = self.state.put_function(function)?;
        self.runtime.retire(&function.name, function.generation);
        Ok(function)
    }

    /// Writes lines to the log of a function that there still is.
    fn append(&self, function: &str, group: &str, stream: &str, lines: &[LogLine]) {
        let _logging = self.logging.lock().expect("no holder panics");
        if self.state.function(function).is_err() {
            return;
        }
        if let Err(error) = self.shared.bus.logs().append(group, stream, lines) {
            tracing::error!(%error, group, "log lines are lost");
        }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().expect("no holder panics")
    }

    /// Removes code that no function has any more, once no process runs from it.
    fn remove_unused_code(&self, directory: &str) {
        let users = self.runtime.users_of(directory);
        if users.is_empty() {
            self.remove_code(directory);
            return;
        }
        let Some(own) = self.own() else { return };
        let directory = directory.to_owned();
        tokio::spawn(async move {
            for user in users {
                user.has_ended().await;
            }
            let _changing = own.changing();
            own.remove_code(&directory);
        });
    }

    fn remove_code(&self, directory: &str) {
        if self
            .state
            .functions()
            .iter()
            .any(|function| function.code_dir == directory)
        {
            return;
        }
        let path = self.state.code.join(directory);
        if let Err(error) = std::fs::remove_dir_all(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, path = %path.display(), "unused code stays");
        }
    }

    fn add_mapping(&self, mapping: Mapping) -> Result<Arc<Mapping>, AwsError> {
        let same = |other: &Arc<Mapping>| {
            other.queue_arn == mapping.queue_arn && other.function == mapping.function
        };
        if let Some(existing) = self.state.mappings().into_iter().find(same) {
            return Err(handlers_mappings::duplicate(&existing));
        }
        let mapping = self.state.put_mapping(mapping)?;
        self.poll_mapping(&mapping);
        Ok(mapping)
    }

    /// Starts the poller of a mapping, instead of the one before; none while it is disabled.
    fn poll_mapping(&self, mapping: &Arc<Mapping>) {
        self.stop_polling(&mapping.uuid);
        let deleted = mapping.change.map(|change| change.kind) == Some(ChangeKind::Deleting);
        let Some(own) = self.own().filter(|_| mapping.enabled && !deleted) else {
            return;
        };
        let stop = CancellationToken::new();
        self.pollers().insert(mapping.uuid.clone(), stop.clone());
        let limit = {
            let mut limits = self.limits.lock().expect("no holder panics");
            Arc::clone(limits.entry(mapping.uuid.clone()).or_default())
        };
        tokio::spawn(mapping::poll(own, Arc::clone(mapping), limit, stop));
    }

    /// Removes a mapping once the time that its deletion takes is over.
    fn remove_when_deleted(&self, mapping: &Mapping) {
        let Some(change) = mapping
            .change
            .filter(|change| change.kind == ChangeKind::Deleting)
        else {
            return;
        };
        let Some(own) = self.own() else { return };
        let uuid = mapping.uuid.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = own.shared.clock.sleep_until(change.until_ms) => own.remove_mapping(&uuid),
                // The next start takes it up.
                () = own.shared.stop.cancelled() => {}
            }
        });
    }

    fn remove_mapping(&self, uuid: &str) {
        let _changing = self.changing();
        if let Err(error) = self.delete_mapping(uuid) {
            tracing::error!(%error, uuid, "a deleted mapping stays");
        }
    }

    /// Forgets a mapping that is not polled any more.
    fn delete_mapping(&self, uuid: &str) -> Result<(), AwsError> {
        self.state.delete_mapping(uuid)?;
        let mut limits = self.limits.lock().expect("no holder panics");
        limits.remove(uuid);
        Ok(())
    }

    fn stop_polling(&self, uuid: &str) {
        if let Some(poller) = self.pollers().remove(uuid) {
            poller.cancel();
        }
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

#[async_trait::async_trait]
impl Service for LambdaService {
    async fn call(&self, request: Request) -> Response {
        let path = request.uri().path().to_owned();
        // The first part is the version of the API, which differs by operation.
        let parts: Vec<String> = path
            .trim_matches('/')
            .split('/')
            .skip(1)
            .map(decoded)
            .collect();
        let query = request.uri().query().unwrap_or_default();
        let qualifier = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("Qualifier="));
        if let Err(error) = handlers::check_qualifier(&decoded(qualifier.unwrap_or_default())) {
            return wire::error(&error);
        }
        if let [functions, name, invocations] = parts.as_slice()
            && functions == "functions"
            && invocations == "invocations"
            && request.method() == Method::POST
        {
            let name = name.clone();
            return self
                .invoke(&name, request)
                .await
                .unwrap_or_else(|error| wire::error(&error));
        }
        let query = request.uri().query().unwrap_or_default().to_owned();
        let query = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .enumerate()
            .map(|(index, pair)| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let name = decoded(name);
                // Tag keys come as one parameter several times.
                let name = if name == "tagKeys" {
                    format!("tagKeys{index}")
                } else {
                    name
                };
                (name, decoded(&value.replace('+', " ")))
            })
            .collect();
        let method = request.method().clone();
        let body = body_of(request, MAX_REQUEST_BYTES, "RequestEntityTooLargeException").await;
        let body = match body {
            Ok(body) if body.is_empty() => Ok(json!({})),
            Ok(body) => serde_json::from_slice(&body).map_err(|error| {
                AwsError::bad_request("InvalidRequestContentException", error.to_string())
            }),
            Err(error) => Err(error),
        };
        let answer = match body {
            Ok(body) => {
                let call = Call {
                    method,
                    path: parts,
                    query,
                    body,
                };
                self.answer(call).await
            }
            Err(error) => Err(error),
        };
        match answer {
            Ok((status, body)) => wire::answer(status, &body),
            Err(error) => wire::error(&error),
        }
    }

    fn resources(&self) -> u64 {
        (self.state.functions().len() + self.state.mappings().len()) as u64
    }
}

impl FunctionPort for LambdaService {
    fn permission(
        &self,
        function_arn: &str,
        principal: &str,
        source_arn: &str,
        source_account: &str,
    ) -> InvokePermission {
        match self.state.function(function_arn) {
            Ok(function) => {
                policy::permission(&function.policy, principal, source_arn, source_account)
            }
            Err(_) => InvokePermission::NoFunction,
        }
    }

    fn invoke_async(&self, function_arn: &str, payload: Bytes) -> Result<(), AwsError> {
        self.accept(function_name(function_arn), &payload)
            .map(|_| ())
    }
}
