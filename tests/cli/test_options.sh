#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The command line itself: verbs, options, help, what a wrong one is told.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
space=$source_root/configs/spaces/mbconv-28.yaml

exits 0 --version
says out 'onepath 0.'
exits 0 --help
says out 'usage: onepath VERB'
says out 'graph ARCH|RUN|SPACE'
silent err
exits 2
says err 'usage: onepath VERB'
silent out
exits 2 grpah
says err 'error: unknown verb grpah (did you mean "graph"?)'
says err 'See `onepath --help`'
exits 2 --graph
says err 'unknown option --graph'

exits 0 table --help
says out 'usage: onepath table VERB'
says out 'import FILE'
exits 2 table
exits 2 table lst
says err 'unknown verb lst (did you mean "list"?)'
says err 'See `onepath table --help`'

# one table makes the parser and the help text
for verb in doctor check profile bench graph export 'table list' 'table show' 'table import' 'table estimate' 'table calibrate'; do
    # shellcheck disable=SC2086
    exits 0 $verb --help
    says out "usage: onepath $verb"
    says out '--json '
    says out '--quiet '
done
exits 0 graph -h
says out '--path P'

exits 2 graph "$space" --pth=3x3e6
says err 'unknown option --pth (did you mean "--path"?)'
exits 2 graph "$space" --pathological
says err 'unknown option --pathological'
exits 2 graph "$space" "--$(printf 'x%.0s' {1..300})"
says err 'unknown option --xxx'
exits 2 graph "$space" -p
says err 'unknown option -p'
exits 2 graph "$space" --path
says err '--path: its value is missing, wanted P'
exits 2 graph "$space" --path --json
says err '--path: its value is missing'
exits 2 graph "$space" --path=
says err '--path: its value is empty'
exits 2 graph "$space" --path 3x3e6 --path 3x3e3
says err '--path is given twice'
exits 2 graph "$space" --json=yes
says err '--json takes no value'
exits 2 graph
says err 'wanted: ARCH|RUN|SPACE'
exits 2 graph "$space" "$space"
says err 'is one too many'
exits 2 doctor here
says err '"here" is one too many'
n_sets=()
for ((i = 0; i < 65; i++)); do n_sets+=(--set classes=10); done
exits 2 graph "$space" "${n_sets[@]}"
says err '--set is given more than 64 times'

exits 0 graph -- "$space"
exits 0 graph --path=3x3e6 "$space" --json
holds 'd["blocks"][2]["name"] == "3x3e6"'

# a full disk is a failure, not silence
if [ -e /dev/full ]; then
    "$onepath" graph "$space" >/dev/full 2>err && wrong 'a full disk passes for success'
    says err 'standard output'
fi
finish
