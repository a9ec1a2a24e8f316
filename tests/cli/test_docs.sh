#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Manual pages and completions: every verb and option that the help text names is in each, they are well-formed, and
# those of bash, zsh and fish answer.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
share=$ONEPATH_BINARY/share
bash_file=$share/completions/bash/onepath
zsh_file=$share/completions/zsh/_onepath
fish_file=$share/completions/fish/onepath.fish

# has PROGRAM: whether it is there; else what follows is skipped loudly.
has() {
    command -v "$1" >/dev/null && return
    printf 'SKIPPED: %s is not installed\n' "$1"
    return 1
}

# verbs WORD...: the verbs that `onepath WORD... --help` lists.
verbs() {
    "$onepath" "$@" --help | sed -n 's/^  \([a-z][a-z-]*\).*/\1/p'
}

options() {
    "$onepath" "$@" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p'
}

# leaves: the words that call a verb, one verb a line.
leaves() {
    local verb below
    for verb in $(verbs); do
        if "$onepath" "$verb" --help | grep -q 'VERB \[OPTIONS\]'; then
            for below in $(verbs "$verb"); do printf '%s %s\n' "$verb" "$below"; done
        else
            printf '%s\n' "$verb"
        fi
    done
}

# complete_bash WORD...: what bash offers for the last word.
complete_bash() {
    bash -c 'source "$1"; shift; COMP_WORDS=(onepath "$@"); COMP_CWORD=$#; _onepath; printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$bash_file" "$@"
}

complete_fish() {
    fish --no-config -c 'source $argv[1]; complete -C $argv[2]' "$fish_file" "onepath $*" | cut -f 1
}

# zsh's own functions answer only where one types; these stand in for them and print what they are told.
complete_zsh() {
    zsh -f -c 'function _arguments { print -rl -- "$@" }
        function _describe { print -rl -- "${(@P)2}" }
        function compadd { print -rl -- "$@" }
        file=$1; shift; words=(onepath "$@"); CURRENT=$#words; PREFIX=$words[-1]; source $file' \
        zsh "$zsh_file" "$@" | sed 's/^\*\{0,1\}\([a-z-]*\)[=:[].*/\1/'
}

# offers SHELL WANTED WORD...: the shell offers WANTED for the last of the words.
offers() {
    local shell=$1 wanted=$2
    shift 2
    grep -qxF -e "$wanted" <<<"$("complete_$shell" "$@")" || wrong "$shell: no $wanted after: onepath $*"
}

mapfile -t all < <(leaves)
[ ${#all[@]} -ge 10 ] || wrong "only ${#all[@]} verbs"
shells=(bash)
bash -n "$bash_file" || wrong 'bash: not well-formed'
if has zsh; then
    zsh -n "$zsh_file" || wrong 'zsh: not well-formed'
    shells+=(zsh)
fi
if has fish; then
    fish --no-execute "$fish_file" || wrong 'fish: not well-formed'
    shells+=(fish)
fi

for verb in $(verbs); do
    page=$share/man/man1/onepath-$verb.1
    [ -s "$page" ] || wrong "no page onepath-$verb.1"
    grep -qxF ".B $verb" "$share/man/man1/onepath.1" || wrong "onepath.1 does not name $verb"
    for shell in "${shells[@]}"; do offers "$shell" "$verb" ''; done
done
n_options=0
for leaf in "${all[@]}"; do
    read -ra words <<<"$leaf"
    page=$share/man/man1/onepath-${words[0]}.1
    for shell in "${shells[@]}"; do "complete_$shell" "${words[@]}" -- >"of_$shell"; done
    twice=$(options "${words[@]}" | sort | uniq -d)
    [ "$twice" = '' ] || wrong "$leaf --help lists twice: $twice"
    for option in $(options "${words[@]}"); do
        n_options=$((n_options + 1))
        grep -qF -- ".BI ${option//-/\\-}" "$page" || wrong "$page: no $option"
        for shell in "${shells[@]}"; do
            grep -qxF -e "$option" "of_$shell" || wrong "$shell: no $option of $leaf"
        done
    done
done
[ $n_options -ge 60 ] || wrong "only $n_options options"

if has groff; then
    for page in "$share"/man/man1/*.1; do
        groff -man -ww -z "$page" >out 2>&1
        silent out
    done
    groff -man -Tascii -P -cbou "$share/man/man1/onepath.1" | grep -q 'EXIT STATUS' || wrong 'onepath.1 shows no exit status'
fi
if has man; then
    for page in "$share"/man/man1/*.1; do
        man --warnings -l "$page" 2>&1 >/dev/null | head >out
        silent out
    done
fi

touch space.yaml
mkdir runs
for shell in "${shells[@]}"; do
    offers "$shell" search se
    offers "$shell" import table im
done
offers bash --version --v
offers bash tile graph --zoom ''
offers bash time graph --colour = ti
offers bash time graph --colour =
offers bash space.yaml graph sp
offers bash json,onnx export --to json,o
offers bash safetensors export --to s
offers bash runs search --run r
offers bash runs report ''
[ "$(complete_bash search --run sp)" = '' ] || wrong 'bash: a file where a folder is wanted'
[ "$(complete_bash bench --rounds r)" = '' ] || wrong 'bash: a file where a number is wanted'
if [[ " ${shells[*]} " == *' fish '* ]]; then
    offers fish tile graph --zoom ''
    offers fish --colour=time graph --colour=
    offers fish space.yaml graph sp
    offers fish json,onnx export --to json,o
    offers fish runs/ search --run r
fi
finish
