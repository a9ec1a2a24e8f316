#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The target ssh:HOST, through a real ssh and a real sshd on the loopback interface: the agent is brought over and measures,
# a broken connection loses one row at most, every way to fail says what to do, and no name gets through to a shell.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
source "$source_root/tests/cli/sshd.sh"
start_sshd || finish
tiny_space >tiny.yaml
mkdir agents
cp "$ONEPATH_BINARY/onepath-agent" "agents/onepath-agent-$(uname -m)"
export ONEPATH_AGENTS=$work/agents
to_board=(--target ssh:board --ssh-config ssh_config --max-seconds-per-block 0.02)
folder=home/.cache/onepath

# measures ARGUMENT...: onepath ends well, or says that over half of the rows are noisy.
measures() {
    local got=0
    "$onepath" "$@" >out 2>err || got=$?
    [ "$got" -eq 0 ] && return
    [ "$got" -eq 6 ] && grep -q 'rows are noisy' err && return
    wrong "onepath $*: exit code $got"
    sed 's/^/    /' out err
}

# fails TEXT LINE...: with these lines in its entry of ssh_config the board cannot be used, and TEXT says why.
fails() {
    local text=$1
    shift
    { host other "$@"; host board; } >ssh_other
    exits 6 profile tiny.yaml --target ssh:other --ssh-config ssh_other --db none.db
    says err "$text"
}

# ---- the agent is brought over once ----

measures profile tiny.yaml "${to_board[@]}" --db t.db --json
holds 'd["measured"] == 9 and d["failed"] == 0'
says err 'ssh:board: copying the agent ('
brought=$(ls "$folder")
[[ $brought == onepath-agent-* ]] || wrong "the agent's folder holds: $brought"
cmp -s "$folder/$brought" "agents/onepath-agent-$(uname -m)" || wrong 'another agent arrived'
exits 0 profile tiny.yaml "${to_board[@]}" --db t.db --json
holds 'd["known"] == 9 and d["measured"] == 0'
grep -q copying err && wrong 'copied again, though it lay there'
# its name is not believed; what lies beside it goes
printf x >>"$folder/$brought"
cp "$folder/$brought" "$folder/onepath-agent-0123456789abcdef"
exits 0 profile tiny.yaml "${to_board[@]}" --db t.db
says err 'copying the agent'
[ "$(ls -A "$folder")" = "$brought" ] || wrong "the agent's folder holds: $(ls -A "$folder")"
cmp -s "$folder/$brought" "agents/onepath-agent-$(uname -m)" || wrong 'the agent that was changed stayed'
# without a sha256sum it is copied each time
mkdir hashless
for program in sh uname id mkdir chmod rm cat wc mv env; do ln -s "$(command -v "$program")" hashless; done
printf '#!/bin/sh\nHOME=%s PATH=%s exec sh -c "$1"\n' "$work/home" "$work/hashless" >board
exits 0 profile tiny.yaml "${to_board[@]}" --db t.db
says err 'copying the agent'
plain_board

# ---- a search measures there what is missing ----

cat >search.yaml <<'YAML'
seed: 3
data: {format: generated, validation: 64, limit: 400, cache: cache}
space: tiny.yaml
target: {device: "ssh:board", latency: 90%, ssh_config: ssh_config}
search: {warmup_epochs: 1, epochs: 1, batch: 32}
train: {epochs: 1, batch: 32}
YAML
searches search.yaml --db search.db --run run --max-seconds-per-block 0.02 --json
holds 'd["measured"]["samples"] >= 3'
exits 0 table list --db search.db --json
holds 'len(d["platforms"]) == 1'
exits 0 profile search.yaml --db search.db --json
holds 'd["known"] == 9 and d["measured"] == 0'
exits 2 search search.yaml --set 'target.device=exec:touch hacked' --db search.db --run command
says err 'runs a command that the config names: add --allow-command'
exits 6 search search.yaml --set 'target.device=exec:false' --allow-command --db search.db --run other
says err 'runner exec:false: ended with exit code 1'
exits 2 profile search.yaml --set 'target.device=exec:touch hacked' --db search.db
says err 'name it with --target'

# ---- names, and shells that are not sh ----

# shellcheck disable=SC2016
name='it'"'"'s $(touch hacked) `touch hacked`; touch hacked & "x" \n !! *'
for shell in zsh fish; do
    command -v "$shell" >/dev/null || { echo "SKIPPED: $shell is not installed"; continue; }
    printf '#!/bin/sh\ncd "%s/home"\nHOME="%s/home" exec %s -c "$1"\n' "$work" "$work" "$shell" >board
    exits 6 profile tiny.yaml "${to_board[@]}" --db t.db --cluster "$name"
    says err "$name"
done
plain_board
[ -z "$(find . -name 'hacked*')" ] || wrong "a name got through to a shell: $(find . -name 'hacked*')"
exits 2 profile tiny.yaml --target 'ssh:-oProxyCommand=touch hacked' --db none.db
says err 'a host cannot begin with "-"'
exits 2 profile tiny.yaml --target $'ssh:board\ntouch hacked' --db none.db
says err 'no control characters'
exits 6 profile tiny.yaml --target 'ssh:$(touch${IFS}hacked)' --ssh-config ssh_config --db none.db
[ -e hacked ] && wrong 'a host got through to a shell'

# ---- every way to fail says what to do ----

fails 'connect once by hand with ssh and check the key that it shows' "UserKnownHostsFile $work/nobody"
mv key right_key
mv other_key key
fails 'ssh must get in without a password'
mv right_key key
fails 'does an ssh server run there' 'Port 1'
fails 'is the name right?' 'HostName onepath.invalid'
exits 6 profile tiny.yaml --target ssh:board --ssh-config missing --db none.db
says err "missing"

echo 'echo "Welcome, $USER"; exec sh -c "$1"' >board
exits 6 profile tiny.yaml "${to_board[@]}" --db none.db
says err 'its shell prints "Welcome'
echo 'echo This account is currently not available.; exit 1' >board
exits 6 profile tiny.yaml "${to_board[@]}" --db none.db
says err 'cannot be used (exit code 1): This account is currently not available.'

# board PROGRAM LINE...: a board on which PROGRAM is another: these lines.
board() {
    local program=$1
    shift
    rm -rf bin
    mkdir bin
    printf '%s\n' '#!/bin/sh' "$@" >"bin/$program"
    chmod 700 "bin/$program"
    printf '#!/bin/sh\ncd "%s/home"\nHOME="%s/home" PATH="%s/bin:$PATH" exec sh -c "$1"\n' "$work" "$work" "$work" >board
}
# fails_there TEXT: nothing is measured, and TEXT says why.
fails_there() {
    exits 6 profile tiny.yaml "${to_board[@]}" --db none.db
    says err "$1"
}
board uname 'echo Darwin arm64'
fails_there 'is "Darwin arm64'
board uname '[ "$1" = -s ] && echo Linux || echo riscv64'
fails_there 'is a "riscv64"; agents exist for'
board chmod 'exit 0'
fails_there 'programs cannot be started from it'
says err "no folder for the agent: $work/home/.cache/onepath: "
board mkdir 'echo "mkdir: cannot create directory: No space left on device" >&2' 'exit 1'
fails_there '(make room on the device)'
rm -f "$folder"/*
board cat 'head -c 1000' 'echo "cat: write error: No space left on device" >&2' 'exit 1'
fails_there 'the agent did not arrive whole'
says err '(make room on the device)'
[ -z "$(ls -A "$folder")" ] || wrong "half an agent stayed: $(ls -A "$folder")"
plain_board
printf '\177ELF\2\1\1%60s\0\0' >agents/broken
exits 6 profile tiny.yaml "${to_board[@]}" --agent agents/broken --db none.db
says err "agents/broken: is a program for another processor, wanted $(uname -m)"
exits 3 profile tiny.yaml "${to_board[@]}" --agent agents --db none.db
exits 1 profile tiny.yaml "${to_board[@]}" --agent agents/missing --db none.db
says err 'agents/missing: No such file or directory'
rm agents/onepath-agent-*
fails_there "ssh:board: $work/agents/onepath-agent-$(uname -m): not there"
cp "$ONEPATH_BINARY/onepath-agent" "agents/onepath-agent-$(uname -m)"
exits 0 table list --db none.db --json
holds 'd["platforms"] == []'

# ---- the connection breaks while it measures: what was measured stays ----

cat >board <<EOF2
#!/bin/sh
cd "$work/home"
case \$1 in *'env -i'*) parent=\$PPID; (sleep 1.5; kill -9 \$parent) & ;; esac
HOME="$work/home" exec sh -c "\$1"
EOF2
exits 6 profile tiny.yaml "${to_board[@]:0:4}" --max-seconds-per-block 0.3 --db broken.db
says err 'runner ssh:board: '
says err 'goes on where it was'
plain_board
measures profile tiny.yaml "${to_board[@]}" --db broken.db --json
holds 'd["resumed"] >= 1 and d["measured"] == 9'
finish
