# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# An ssh server of our own on the loopback interface, with keys made for it in the test's folder: sourced after lib.sh.
# What a connection runs is decided by ./board, a script that gets the client's line as $1; it may be changed at any time.
#
#     start_sshd || finish                       # says why it was skipped
#     onepath profile SPACE --target ssh:board --ssh-config ssh_config

find_sshd() {
    PATH=$PATH:/usr/sbin:/usr/local/sbin command -v sshd
}

# A shell such as a login gives, in a home of its own.
plain_board() {
    cat >board <<EOF2
#!/bin/sh
cd "$work/home"
exec env -i HOME="$work/home" PATH="/usr/local/bin:/usr/bin:/bin" sh -c "\$1"
EOF2
}

# host NAME LINE...: an entry of ssh_config for this server, these lines before the usual ones (the first of each counts).
host() {
    printf 'Host %s\n' "$1"
    shift
    printf '    %s\n' "$@" 'HostName 127.0.0.1' "Port $port" "User $(id -un)" "IdentityFile $work/key" 'IdentitiesOnly yes' \
        "UserKnownHostsFile $work/known_hosts" 'GlobalKnownHostsFile /dev/null' 'StrictHostKeyChecking yes'
}

start_sshd() {
    local sshd try
    sshd=$(find_sshd) && command -v ssh ssh-keygen >/dev/null || {
        echo 'SKIPPED: ssh or sshd is not installed (openssh-client, openssh-server)'
        return 1
    }
    mkdir -p home
    # as root it wants its folder for privilege separation, which only its service makes
    [ "$(id -u)" -ne 0 ] || [ -d /run/sshd ] || mkdir -m 755 /run/sshd
    ssh-keygen -q -t ed25519 -N '' -f host_key && ssh-keygen -q -t ed25519 -N '' -f key && ssh-keygen -q -t ed25519 -N '' -f other_key
    plain_board
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec sh %s/board "$SSH_ORIGINAL_COMMAND"\n' "$work" >force
    chmod 700 force
    for try in 1 2 3 4 5; do
        port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
        printf '%s\n' "ListenAddress 127.0.0.1" "Port $port" "HostKey $work/host_key" "PidFile none" "StrictModes no" \
            "AuthorizedKeysFile $work/key.pub" "PasswordAuthentication no" "KbdInteractiveAuthentication no" "UsePAM no" \
            "PermitRootLogin prohibit-password" "ForceCommand $work/force" >sshd_config
        printf '[127.0.0.1]:%s %s\n' "$port" "$(cat host_key.pub)" >known_hosts
        host board >ssh_config
        "$sshd" -D -e -f sshd_config 2>sshd.log &
        sshd_pid=$!
        trap 'kill "$sshd_pid" 2>/dev/null; rm -rf "$work"' EXIT
        for ((i = 0; i < 50; i++)); do
            ssh -F ssh_config -oBatchMode=yes board true </dev/null 2>ssh.log && return
            kill -0 "$sshd_pid" 2>/dev/null || break
            sleep 0.1
        done
        kill "$sshd_pid" 2>/dev/null
    done
    printf 'SKIPPED: no connection to an sshd of our own:\n'
    cat ssh.log sshd.log
    return 1
}
