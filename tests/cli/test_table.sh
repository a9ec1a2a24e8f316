#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Latency tables: import, list, show, estimate.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
space=$source_root/configs/spaces/mbconv-imagenet.yaml
tables=$shared/latency-data/han-cai-files
estimate=(table estimate --device pixel1 --db t.db)

exits 2 table import x.yaml --device a
says err '--format is missing'
exits 2 table import x.yaml --device a --format proxylesnas
says err 'proxylessnas'
exits 3 table import x.yaml --device a --format proxylessnas --db new.db
printf 'Nonsense: {count: 1}\n' >bad.yaml
exits 3 table import bad.yaml --device a --format proxylessnas --db new.db
says err 'bad.yaml:1:1'
[ -e new.db ] && wrong 'a table that cannot be read left a database behind'
exits 3 table list --db nowhere.db
says err 'nowhere.db'
exits 2 table estimate --device a --path min
says err 'wanted --arch, or --space and --path'
exits 2 table estimate --space "$space" --path min
says err '--device is missing'
head -c 1000 /dev/urandom >noise.db
exits 3 table list --db noise.db

needs "$tables" || finish
exits 0 table import --db t.db --format proxylessnas --device pixel1 "$tables/mobile_trim.yaml" --json
holds 'd["rows"] == 72'
exits 0 table list --db t.db
says out 'pixel1, import:proxylessnas: 72 rows'
exits 0 table list --db t.db --json
holds 'd["platforms"][0]["device"] == "pixel1" and d["platforms"][0]["rows"] == 72'
exits 0 table show --db t.db --device pixel1 --json
holds 'len(d["rows"]) == 72 and all(r["source"] == "imported" and r["median_ms"] > 0 for r in d["rows"])'
ONEPATH_DB=t.db exits 0 table show --device pixel1
says out 'imported'
exits 1 table show --db t.db --device pixel2
says err 'pixel1'

while read -r path ms rows; do
    exits 0 "${estimate[@]}" --space "$space" --path "$path" --json
    holds "round(d['latency_ms'], 3) == $ms and d['rows'] == $rows and d['missing'] == []"
    silent err
done <<EOF2
3x3e6 136.466 25
1 136.466 25
uniform 113.988 130
min 29.609 10
max 191.030 25
EOF2
exits 0 "${estimate[@]}" --space "$space" --path 3x3e6
says out '136.466 ms'
says out 'sum of 25 rows, 0 of them noisy'
list=$(printf '3x3e6%.0s,' {1..21})
exits 0 "${estimate[@]}" --space "$space" --path "${list%,}" --json
holds 'round(d["latency_ms"], 3) == 136.466'
exits 2 "${estimate[@]}" --space "$space" --path average
says err 'average'

# a row that is missing is no latency
exits 1 "${estimate[@]}" --arch "$shared/architectures/han-cai-files/proxyless_mobile.config" --json
holds 'd["latency_ms"] is None and len(d["missing"]) == 3'
[ "$(grep -c '^missing: mbconv in=' err)" -eq 3 ] || wrong 'not three missing keys on stderr'
exits 1 "${estimate[@]}" --space "$source_root/configs/spaces/mbconv-28.yaml" --path min
says err 'missing: stem in=28x28x1'
silent out

# a damaged table changes nothing
head -c 3000 "$tables/mobile_trim.yaml" >cut.yaml
printf '  broken: [\n' >>cut.yaml
exits 3 table import --db t.db --format proxylessnas --device pixel1 cut.yaml
says err 'cut.yaml:'
exits 0 table list --db t.db
says out '72 rows'
finish
