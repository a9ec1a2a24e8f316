#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The static agent for AArch64, through a real ssh and sshd onto a board that qemu-user stands in for: found by what the
# board says it is, brought over, started there, measuring. The times mean nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$source_root/tests/cli/sshd.sh"
agent=${ONEPATH_AGENTS:-$source_root/build-agent-aarch64/onepath-agent}
[ -d "$agent" ] && agent=$agent/onepath-agent-aarch64
[ -r "$agent" ] || { echo "SKIPPED: no $agent: cmake --preset agent-aarch64 && cmake --build --preset agent-aarch64"; finish; }
command -v qemu-aarch64 >/dev/null || { echo 'SKIPPED: qemu-aarch64 is not installed (qemu-user)'; finish; }
start_sshd || finish
tiny_space >tiny.yaml
mkdir agents bin
cp "$agent" agents/onepath-agent-aarch64
export ONEPATH_AGENTS=$work/agents

# On the board a program is run by the emulator, which the kernel of a real one need not be told.
cat >bin/uname <<'EOF2'
#!/bin/sh
case $1 in -m) echo aarch64 ;; *) exec /usr/bin/uname "$@" ;; esac
EOF2
cat >bin/env <<'EOF2'
#!/bin/sh
[ "$1" = -i ] || exit 1
shift 2
exec /usr/bin/env -i qemu-aarch64 "$@"
EOF2
chmod 700 bin/*
printf '#!/bin/sh\ncd "%s/home"\nHOME="%s/home" PATH="%s/bin:$PATH" exec sh -c "$1"\n' "$work" "$work" "$work" >board

for target in local ssh:board; do
    got=0
    "$onepath" profile tiny.yaml --target "$target" --ssh-config ssh_config --max-seconds-per-block 0.05 --db t.db --json >out 2>err || got=$?
    [ "$got" -eq 0 ] || { [ "$got" -eq 6 ] && grep -q 'rows are noisy' err; } || wrong "profile --target $target: exit code $got: $(cat err)"
    holds 'd["measured"] == 9 and d["failed"] == 0'
done
says err 'ssh:board: copying the agent ('
holds '"neon kernels" in d["platform"]'
cmp -s home/.cache/onepath/onepath-agent-* "$agent" || wrong 'another agent lies on the board'
# two platforms, which never mix
exits 0 table list --db t.db --json
holds '[p["rows"] for p in d["platforms"]] == [9, 9] and d["platforms"][0]["signature"] != d["platforms"][1]["signature"]'
finish
