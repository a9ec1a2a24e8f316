#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# graph and export on spaces and published networks.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
spaces=$source_root/configs/spaces
published=$shared/architectures/han-cai-files

# a space
exits 0 graph "$spaces/mbconv-imagenet.yaml" --json
holds 'd["choices"] == 21 and d["vectors"] == 6**6 * 7**15 and len(d["candidates"]) == d["positions"]'
holds 'd["params"] == sum(b["params"] for p in d["candidates"] for b in p)'
exits 0 graph "$spaces/mbconv-28.yaml"
says out 'with a choice: 6'
says out 'choice vectors: 74088'
silent err
exits 0 graph "$spaces/mbconv-28.yaml" --set classes=7 --json
holds 'd["candidates"][-1][0]["key"].endswith("out=7")'
exits 2 graph "$spaces/mbconv-28.yaml" --set clases=7
says err 'did you mean "classes"?'
exits 2 graph nowhere.yaml
says err 'nowhere.yaml'

# no output takes the place of what is read, or of another
cp "$spaces/mbconv-28.yaml" own.yaml
exits 2 graph own.yaml --path 1 --svg ./own.yaml
says err 'is the file that is read'
cmp -s own.yaml "$spaces/mbconv-28.yaml" || wrong 'a picture took the place of its space'
exits 2 graph own.yaml --path 1 --svg new --memory new
says err 'is the file of --svg'
[ -e new ] && wrong 'a refused picture was written'

# a path of it
exits 0 graph "$spaces/mbconv-28.yaml" --path 1 --json
holds '[b["name"] for b in d["blocks"]] == ["stem", "3x3e1"] + ["3x3e6"] * 6 + ["mix", "head"]'
holds 'd["params"] == sum(b["params"] for b in d["blocks"]) and d["macs"] == sum(b["macs"] for b in d["blocks"])'
exits 2 graph "$spaces/mbconv-28.yaml" --path 9x9e9
says err '9x9e9'
exits 2 graph "$spaces/mbconv-28.yaml" --backward
says err 'wants one network'

# forward: each of the convolutions but the head's has its statistics and batch norm
exits 0 graph "$spaces/mbconv-28.yaml" --path 3x3e6 --backward --recompute none --json
holds 'd["graph"]["op"]["backward"]["vertices"] > d["graph"]["op"]["forward"]["vertices"] > 60'
holds 'd["graph"]["layer"]["forward"] == {"vertices": len(d["blocks"]), "edges": len(d["blocks"]) - 1}'
holds 'sum(b["bytes"] for b in d["memory"]["alive_at_peak"]) == d["memory"]["lower_bound_bytes"]'
holds 'd["memory"]["lower_bound_bytes"] <= d["memory"]["planned_peak_bytes"] < d["memory"]["naive_bytes"]'
exits 0 graph "$spaces/mbconv-28.yaml" --path 3x3e6 --backward
says out 'alive at the peak'

# pictures: the same bytes twice, well-formed, with what they show
well_formed() {
    python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$1" || wrong "$1 is not well formed"
}
for zoom in layer op tile; do
    exits 0 graph "$spaces/mbconv-28.yaml" --path 3x3e6 --backward --zoom $zoom --svg a.svg --dot a.dot --memory m.svg
    exits 0 graph "$spaces/mbconv-28.yaml" --path 3x3e6 --backward --zoom $zoom --svg b.svg
    cmp -s a.svg b.svg || wrong "two pictures differ"
    well_formed a.svg
    well_formed m.svg
    grep -q 'block3 3x3e6' a.svg || wrong "block3 is not in the picture"
done
grep -q 'alive at the peak' m.svg || wrong 'the peak is not in the picture of the memory'
exits 0 graph "$spaces/mbconv-28.yaml" --path 3x3e6 --block 3x3e6 --unfold --colour time --threads 1 --svg a.svg
grep -q 'block2 3x3e6' a.svg || wrong 'the block is not in its picture'
! grep -q 'block3' a.svg || wrong 'another block is in the picture'
exits 2 graph "$spaces/mbconv-28.yaml" --path 3x3e6 --block block99
says err 'block99'
exits 2 graph "$spaces/mbconv-28.yaml" --path 3x3e6 --zoom far
says err 'far'
exits 2 graph "$spaces/mbconv-28.yaml" --svg a.svg
says err 'wants one network'

# what is no network
exits 3 graph nowhere.json
says err 'nowhere.json'
printf '{"name": ' >cut.json
exits 3 graph cut.json
says err 'cut.json'
mkdir empty
exits 3 graph empty
says err 'arch.json'
exits 2 export "$spaces/mbconv-28.yaml" --to json --out x
exits 2 export cut.json --to jsn --out x
says err 'did you mean "json"?'
exits 2 export cut.json --to json
says err '--out is missing'
exits 3 export cut.json --to json --out x
[ -e x ] && wrong 'a failed export leaves a folder'

needs "$published" || finish
while read -r name params macs; do
    exits 0 graph "$published/proxyless_$name.config" --summary --json
    holds "d['params'] == $params and d['macs'] == $macs"
done <<EOF2
mobile 4080512 320427584
cpu 4361648 439243864
gpu 7119848 465260160
mobile_14 6857568 580883408
EOF2
exits 3 graph "$published/proxyless_cifar.config"
says err 'PyramidTreeNet'

# what is written is the same JSON: order, unknown keys and null shortcuts
same_json() {
    python3 - "$1" "$2" <<'PY' || wrong "$2 is another JSON than $1"
import json, sys
a, b = (json.load(open(f), object_pairs_hook=list) for f in sys.argv[1:])
sys.exit(a != b)
PY
}
for file in "$published"/proxyless_{mobile,cpu,gpu,mobile_14}.config \
    "$shared"/architectures/mit-han-lab-proxylessnas/*.json; do
    exits 0 export "$file" --to json --out exported
    says out 'exported/arch.json'
    same_json "$file" exported/arch.json
    exits 0 graph exported
done
finish
