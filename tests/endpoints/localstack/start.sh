#!/usr/bin/env bash
# Starts LocalStack on this machine, without Docker, and waits until it answers.
#   start.sh [PORT]        default 4700; prints the pid, leaves it running
#   start.sh stop [PORT]   ends it and waits until it is gone
# LS_HOME   where the venv, data, log and pid go (default: .run beside this file)
# Any LocalStack variable set by the caller wins over the defaults below.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
action=start
if [[ ${1:-} == stop ]]; then
  action=stop
  shift
fi
port=${1:-4700}
home=${LS_HOME:-$here/.run}
mkdir -p "$home"
home=$(cd "$home" && pwd)
venv=$home/venv
run=$home/$port

# The id of a process that ended may be somebody else's by now.
running() {
  [[ -f $run/pid ]] && [[ "$(ps -o args= -p "$(cat "$run/pid")" 2>/dev/null)" == *ls_process_executor* ]]
}

if [[ $action == stop ]]; then
  if running; then
    kill "$(cat "$run/pid")"
    # Functions end with it: their next request finds nobody.
    for ((i = 0; i < 80; i++)); do running || break; sleep 0.1; done
    if running; then kill -9 "$(cat "$run/pid")"; fi
  fi
  rm -f "$run/pid"
  exit 0
fi
if running; then
  echo "already running: pid $(cat "$run/pid"), http://127.0.0.1:$port" >&2
  exit 0
fi

mkdir -p "$run/tmp" "$run/fs"

# 4.14.0 needs Python 3.13, though its metadata admits older ones: it starts on 3.11 and 3.12, and
# then most services fail to load at their first call.
find_python() {
  local p
  for p in ${PYTHON:-} python3.13 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13.*/bin/python3; do
    if "$p" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null; then
      echo "$p"
      return
    fi
  done
  echo "no Python 3.13 found; set PYTHON" >&2
  return 1
}

if ! "$venv/bin/python" -c 'import localstack.version' 2>/dev/null; then
  python=$(find_python)
  "$python" -m venv "$venv"
  # constraints.txt is what was tried: 4.14.0 does not start with cbor2 6, pyOpenSSL 26 or
  # localstack-twisted 26, and its own requirements have no upper bounds.
  "$venv/bin/pip" install -q -c "$here/constraints.txt" 'localstack-core[runtime]==4.14.0'
fi
# The package is small: install it anew each time it differs from what the venv has.
stamp=$(cat "$here"/pyproject.toml "$here"/ls_process_executor/*.py | sha256sum)
if [[ "$(cat "$venv/.ls_process_executor" 2>/dev/null)" != "$stamp" ]]; then
  copy=$(mktemp -d)
  cp -r "$here/pyproject.toml" "$here/ls_process_executor" "$copy"
  "$venv/bin/pip" install -q --no-deps --force-reinstall "$copy"
  rm -rf "$copy"
  echo "$stamp" >"$venv/.ls_process_executor"
fi

export GATEWAY_LISTEN=${GATEWAY_LISTEN:-127.0.0.1:$port}
export LOCALSTACK_HOST=${LOCALSTACK_HOST:-127.0.0.1:$port}
export SQS_ENDPOINT_STRATEGY=${SQS_ENDPOINT_STRATEGY:-path}
export FILESYSTEM_ROOT=$run/fs TMPDIR=$run/tmp
export LAMBDA_RUNTIME_EXECUTOR=${LAMBDA_RUNTIME_EXECUTOR:-process}
export PROVIDER_OVERRIDE_DYNAMODB=${PROVIDER_OVERRIDE_DYNAMODB:-hybrid}
# Nothing may look for the outside world: no telemetry, no certificate, no binaries, no DNS server.
export DISABLE_EVENTS=${DISABLE_EVENTS:-1} SKIP_SSL_CERT_DOWNLOAD=${SKIP_SSL_CERT_DOWNLOAD:-1}
export DNS_ADDRESS=${DNS_ADDRESS:-0}

began=$(date +%s%N)
cd "$run"
setsid "$venv/bin/python" -m ls_process_executor >"$run/log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$run/pid"
until curl -fsS -o /dev/null "http://127.0.0.1:$port/_localstack/health" 2>/dev/null; do
  if ! kill -0 "$pid" 2>/dev/null; then
    tail -n 30 "$run/log" >&2
    exit 1
  fi
  if (($(date +%s%N) - began > 120000000000)); then
    echo "no answer after 120 s; see $run/log" >&2
    kill "$pid"
    exit 1
  fi
  sleep 0.1
done
echo "pid $pid, http://127.0.0.1:$port, up in $((($(date +%s%N) - began) / 1000000)) ms, log $run/log"
