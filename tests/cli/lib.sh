# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the end-to-end tests share: sourced by each. They run the built program, $ONEPATH_BINARY/onepath, in a folder of
# their own, and go on after a failure, so that one run tells all.
set -uo pipefail
onepath=${ONEPATH_BINARY:?}/onepath
source_root=${ONEPATH_SOURCE:?}
shared=${ONEPATH_SHARED:-$source_root/../shared}
unset ONEPATH_DB ONEPATH_KERNELS OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
n_wrong=0

wrong() {
    printf 'WRONG: %s\n' "$*"
    n_wrong=$((n_wrong + 1))
}

# exits CODE ARGUMENT...: runs onepath; its streams are in ./out and ./err.
exits() {
    local want=$1 got=0
    shift
    "$onepath" "$@" >out 2>err || got=$?
    [ "$got" -eq "$want" ] && return
    wrong "onepath $*: exit code $got, wanted $want"
    sed 's/^/    /' out err
}

# searches ARGUMENT...: runs `onepath search` to its end, whether its network is measured within the budget or not.
searches() {
    local got=0
    "$onepath" search "$@" >out 2>err || got=$?
    [ "$got" -eq 0 ] || [ "$got" -eq 5 ] && return
    wrong "onepath search $*: exit code $got, wanted 0 or 5"
    sed 's/^/    /' out err
}

# tiny_space: the space of most searches here, on standard output.
tiny_space() {
    cat <<'YAML'
schema: 1
name: tiny
input: {height: 28, width: 28, channels: 1}
stem: {op: conv, kernel: 3, stride: 2, channels: 8}
fixed: []
candidates:
  - {op: mbconv, kernel: 3, expand: 1}
  - {op: mbconv, kernel: 5, expand: 3}
  - {op: zero}
stages:
  - {channels: 8, blocks: 2, stride: 1}
  - {channels: 12, blocks: 2, stride: 2}
mix: {channels: 16}
classes: 10
YAML
}

# rows_of_a_phone: the rows of this machine ($signature in here.db) go out and come back as those of a phone (phone.db), of
# space.yaml, which tiny.yaml searches for that phone.
rows_of_a_phone() {
    cat >space.yaml <<'YAML'
schema: 1
name: tiny
input: {height: 28, width: 28, channels: 1}
stem: {op: conv, kernel: 3, stride: 2, channels: 8}
fixed: []
candidates:
  - {op: mbconv, kernel: 3, expand: 1}
  - {op: zero}
stages:
  - {channels: 8, blocks: 2, stride: 2}
mix: {channels: 16}
classes: 10
YAML
    cat >tiny.yaml <<'YAML'
schema: 1
seed: 3
data: {format: generated, validation: 128, limit: 512, cache: cache}
space: space.yaml
target: {device: phone, latency: 100%}
search: {warmup_epochs: 1, epochs: 1, batch: 64}
train: {epochs: 1, batch: 64}
YAML
    "$onepath" profile space.yaml --db here.db --max-seconds-per-block 0.05 >out 2>err # noisy ones serve as well
    exits 0 table list --db here.db --json
    signature=$(python3 -c 'import json; print(json.load(open("out"))["platforms"][0]["signature"])')
    exits 0 table export --db here.db --device "$signature" --out rows.jsonl
    exits 0 table import --db phone.db --format jsonl --device phone rows.jsonl
}

# says FILE TEXT: ./out or ./err of the last run contains TEXT.
says() {
    grep -qF -- "$2" "$1" && return
    wrong "$1 does not contain \"$2\":"
    sed 's/^/    /' "$1"
}

# silent FILE: the last run wrote nothing there.
silent() {
    [ -s "$1" ] || return 0
    wrong "$1 is not empty:"
    sed 's/^/    /' "$1"
}

# holds EXPRESSION: a Python expression about d, the JSON object in ./out, is true.
holds() {
    python3 - "$1" <<'PY' && return
import json, sys
text = open("out").read()
d = json.loads(text)
assert text.endswith("\n") and text.count("\n") == 1, "not one line"
if not eval(sys.argv[1]):
    print({k: v for k, v in d.items() if not isinstance(v, list)})
    sys.exit(1)
PY
    wrong "not true: $1"
}

# needs PATH: whether it is there; else the rest of the test is skipped loudly.
needs() {
    [ -e "$1" ] || printf 'SKIPPED: %s is not there\n' "$1"
    [ -e "$1" ]
}

finish() {
    [ "$n_wrong" -eq 0 ] && printf 'all as wanted\n'
    exit $((n_wrong > 0))
}

# stored DB: how many networks a profile has measured and stored so far
stored() {
    python3 - "$1" 2>/dev/null <<'PY'
import sqlite3, sys
db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
print(db.execute("SELECT count(*) FROM measurement WHERE pass > 0 AND quality <> 'failed'").fetchone()[0])
PY
}
