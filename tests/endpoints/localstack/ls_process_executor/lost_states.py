"""Writes the state of a function again where LocalStack lost it.

TagResource, AddPermission and the like read `$LATEST`, and write a copy of it back, under a lock that a change of
state does not take. When the function becomes Active, or its update ends, in between, the copy brings Pending or InProgress back for ever:
every later update is refused, and asynchronous invocations do not arrive. An activation here takes no longer
than the next call of a deployment, so it happens; with Docker it is rare.
"""

import dataclasses
import functools
import threading

from localstack.aws.api.lambda_ import LastUpdateStatus, State
from localstack.services.lambda_.invocation.lambda_models import UpdateStatus
from localstack.services.lambda_.invocation.lambda_service import LambdaService
from localstack.services.lambda_.invocation.models import lambda_stores

# Seconds after the first writing.
LOOKS = (0.05, 0.5, 2.0)
STATUS = {State.Active: LastUpdateStatus.Successful, State.Failed: LastUpdateStatus.Failed}


@functools.cache
def write_again() -> None:
    """Only the first call does anything: plugins are loaded once for every function."""
    original = LambdaService.update_version_state

    def update_version_state(self, function_version, new_state):
        original(self, function_version, new_state)
        for seconds in LOOKS:
            timer = threading.Timer(seconds, _look, (function_version, new_state))
            timer.daemon = True
            timer.start()

    LambdaService.update_version_state = update_version_state


def _look(version, state) -> None:
    store = lambda_stores[version.id.account][version.id.region]
    function = store.functions.get(version.id.function_name)
    current = function and function.versions.get(version.id.qualifier)
    # One that was updated since has a state of its own.
    if not current or current.config.internal_revision != version.config.internal_revision:
        return
    pending = current.config.state.state == State.Pending
    if pending or current.config.last_update.status == LastUpdateStatus.InProgress:
        config = dataclasses.replace(
            current.config, state=state, last_update=UpdateStatus(status=STATUS[state.state])
        )
        function.versions[version.id.qualifier] = dataclasses.replace(current, config=config)
