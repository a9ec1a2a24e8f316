#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The report of a real run, and of one whose texts are hostile, in headless Chromium.
source "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
export NODE_PATH=${ONEPATH_NODE_MODULES:-$source_root/build/node/node_modules}
chromium=$(command -v chromium || true)
if [ -z "$chromium" ] || ! command -v node >/dev/null || [ ! -d "$NODE_PATH/playwright-core" ]; then
    echo "SKIPPED: chromium, node or playwright-core in $NODE_PATH is not there (bash scripts/install.sh test; ... modules)"
    exit 0
fi

tiny_space > space.yaml
cat > run.yaml <<'YAML'
schema: 1
seed: 3
data: {format: generated, validation: 256, limit: 1000, cache: cache}
space: space.yaml
target: {latency: 70%}
search:
  gradient: two-paths
  warmup_epochs: 1
  epochs: 3
  batch: 32
  architecture: {every: 1}
  prune: {below: 0.3, from_epoch: 1}
train: {epochs: 2, batch: 32}
YAML

# rows RUN: tables of its database as one JSON object, each in the order of the page.
rows() {
    local table
    for table in metric alpha event latency class confusion worst_image; do
        case $table in
        worst_image) sqlite3 -json "$1/run.db" 'select rank, image, truth, answer, p, loss, hex(png) as png from worst_image order by rank' ;;
        latency) sqlite3 -json "$1/run.db" "select key from latency" ;;
        *) sqlite3 -json "$1/run.db" "select * from \"$table\" order by 1" ;;
        esac | python3 -c 'import json, sys; print(json.dumps({sys.argv[1]: json.loads(sys.stdin.read() or "[]")})[1:-1])' "$table"
    done | paste -sd, | sed 's/^/{/; s/$/}/'
}

# check RUN [once]: its page; once: at one width in one theme.
check() {
    rows "$1" > rows.json
    node "$source_root/tests/report/check_browser.js" "$1/report.html" rows.json "$chromium" "${2:-}" 2> browser.txt ||
        wrong "the report of $1 ($(head -n 3 browser.txt))"
}

searches run.yaml --db latency.db --max-seconds-per-block 0.02 --run run
[ "$(sqlite3 run/run.db 'select count(*) from alpha where alive = 0')" -gt 0 ] || wrong 'nothing was pruned'
check run

evil='</script></td><script>alert(1)</script><img src=x onerror=alert(2)>"'"''"'&amp;]]>'
sqlite3 run/run.db "update class set name = name || ' $evil'" "update event set text = '$evil'" \
    "update alpha set name = name || '<b onclick=alert(3)>'" || wrong 'sqlite3'
exits 0 report run
check run once
finish
