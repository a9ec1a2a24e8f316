#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The target adb[:SERIAL] through the real adb client and a server of its own; adbd.py stands in for the phones. They run on
# this machine's processor, so that the agent is this machine's too.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v adb >/dev/null || { echo 'SKIPPED: adb is not installed'; finish; }
tiny_space >tiny.yaml
mkdir agents bin home
cp "$ONEPATH_BINARY/onepath-agent" "agents/onepath-agent-$(uname -m)"
export ONEPATH_AGENTS=$work/agents HOME=$work/home
ANDROID_ADB_SERVER_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export ANDROID_ADB_SERVER_PORT
unset ANDROID_SERIAL ADB_VENDOR_KEYS
pids=()
trap 'adb kill-server 2>/dev/null; kill "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
quick=(--max-seconds-per-block 0.02)

# What a phone says of itself.
cat >bin/getprop <<'EOF2'
#!/bin/sh
case $1 in ro.product.manufacturer) echo Google ;; ro.product.model) echo 'Pixel $(4)' ;; esac
EOF2
chmod 700 bin/getprop

# phone NAME OPTION...: a phone is connected; its serial is in $serial, its process in $phone.
phone() {
    local name=$1
    shift
    mkdir "$name"
    PATH=$work/bin:$PATH python3 "$source_root/tests/cli/adbd.py" "port_$name" "$work/$name" "$@" &
    phone=$!
    pids+=("$phone")
    for ((i = 0; i < 100; i++)); do
        [ -s "port_$name" ] && break
        sleep 0.05
    done
    serial=127.0.0.1:$(cat "port_$name")
    timeout 2 adb connect "$serial" >connect.log 2>&1 || [ $# -gt 0 ] || wrong "adb connect $serial: $(cat connect.log)"
}

# gone: the phone of $phone is unplugged.
gone() {
    kill "$phone"
    wait "$phone" 2>/dev/null
    adb disconnect "$serial" >/dev/null 2>&1
}

# measures ARGUMENT...: onepath ends well, or says that over half of the rows are noisy.
measures() {
    local got=0
    "$onepath" "$@" >out 2>err || got=$?
    [ "$got" -eq 0 ] && return
    [ "$got" -eq 6 ] && grep -q 'rows are noisy' err && return
    wrong "onepath $*: exit code $got"
    sed 's/^/    /' out err
}

# fails TARGET TEXT...: nothing is measured, and each TEXT says why.
fails() {
    exits 6 profile tiny.yaml --target "$1" "${quick[@]}" --db none.db
    shift
    for text in "$@"; do says err "$text"; done
}

fails adb 'runner adb: cannot be used (exit code 1)' 'no devices/emulators found (connect the phone by USB and switch USB debugging on)'
mkdir empty
PATH=$work/empty exits 6 profile tiny.yaml --target adb --db none.db
says err 'cannot be started'
says err "(install adb)"

# ---- one phone ----

phone one
measures profile tiny.yaml --target adb "${quick[@]}" --db t.db --json
holds 'd["measured"] == 9 and d["failed"] == 0 and d["platform"].startswith("Google Pixel $(4), ")'
says err 'adb: copying the agent ('
brought=$(ls one/onepath)
cmp -s "one/onepath/$brought" "agents/onepath-agent-$(uname -m)" || wrong "another agent arrived: $brought"
exits 0 profile tiny.yaml --target "adb:$serial" "${quick[@]}" --db t.db --json
holds 'd["known"] == 9 and d["measured"] == 0'
grep -q copying err && wrong 'copied again, though it lay there'
printf x >>"one/onepath/$brought"
exits 0 profile tiny.yaml --target adb "${quick[@]}" --db t.db
says err 'copying the agent'
[ "$(ls -A one/onepath)" = "$brought" ] || wrong "the agent's folder holds: $(ls -A one/onepath)"
fails adb:R58M12ABCDE "device 'R58M12ABCDE' not found" '(`adb devices` lists the serials)'
exits 2 profile tiny.yaml --target adb:-d --db none.db
says err 'a serial cannot begin with "-"'
first=$phone first_serial=$serial
phone two
fails adb 'more than one device/emulator' '(name one, adb:SERIAL; `adb devices` lists them)'
exits 0 profile tiny.yaml --target "adb:$first_serial" "${quick[@]}" --db t.db --json
holds 'd["known"] == 9'
gone

# ---- phones that cannot be used ----

phone locked --unauthorized
fails "adb:$serial" 'authoriz' '(unlock the phone and allow USB debugging for this computer)'
gone
phone asleep --offline
fails "adb:$serial" 'device offline (plug it in again, or run: adb reconnect offline)'
gone
phone full --full
fails "adb:$serial" 'the agent could not be copied' 'No space left on device' '(make room on the device)'
gone
phone old --old
fails "adb:$serial" 'wanted Android 7 or later'
gone

# ---- unplugged while it measures: what was measured stays ----

phone=$first serial=$first_serial
(
    for ((i = 0; i < 200; i++)); do
        n=$(stored broken.db)
        [ "${n:-0}" -ge 2 ] && break
        sleep 0.05
    done
    kill "$phone"
) &
exits 6 profile tiny.yaml --target "adb:$serial" --max-seconds-per-block 0.3 --db broken.db
says err "runner adb:$serial: "
adb disconnect "$serial" >/dev/null 2>&1
phone again
measures profile tiny.yaml --target "adb:$serial" "${quick[@]}" --db broken.db --json
holds 'd["resumed"] >= 1 and d["measured"] == 9'
finish
