#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Latency tables: import, export, list, show, estimate.
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
says out '72 imported; 0 noisy, 0 stale; of 20'
says out 'imported, not measured from here'
exits 0 table list --db t.db --json
holds 'd["platforms"][0]["device"] == "pixel1" and d["platforms"][0]["rows"] == 72'
holds 'd["platforms"][0]["calibration"] is None and d["platforms"][0]["stale_rows"] == 0'
exits 0 table show --db t.db --device pixel1 --json
holds 'len(d["rows"]) == 72 and all(r["source"] == "imported" and r["median_ms"] > 0 for r in d["rows"])'
ONEPATH_DB=t.db exits 0 table show --device pixel1
says out 'imported'
exits 1 table calibrate --db t.db --device pixel1
says err '0 measured networks with all rows, wanted 5 or more'
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

# rows that are missing are predicted on request, each with its interval; what cannot be is an error
python3 - <<'PY'
import shutil, sqlite3
shutil.copy('t.db', 'f.db')
db = sqlite3.connect('f.db')
db.execute("DELETE FROM estimate WHERE block_id IN (SELECT id FROM block WHERE key LIKE 'mbconv%k=5 e=3%')")
db.commit()
PY
exits 1 "${estimate[@]/t.db/f.db}" --space "$space" --path 5x5e3
exits 0 table fill "$space" --db f.db --device pixel1 --dry-run --json
holds 'd["modelled"] == 11 and d["known"] == 59 and len(d["rows"]) == 11'
exits 1 "${estimate[@]/t.db/f.db}" --space "$space" --path 5x5e3
exits 0 table fill "$space" --db f.db --device pixel1
says out 'modelled, model of 61 rows'
exits 0 table fill "$space" --db f.db --device pixel1 --json
holds 'd["modelled"] == 0 and d["known"] == 70'
exits 0 "${estimate[@]}" --space "$space" --path 5x5e3 --json
true_ms=$(python3 -c 'import json; print(json.load(open("out"))["latency_ms"])')
exits 0 "${estimate[@]/t.db/f.db}" --space "$space" --path 5x5e3 --json
holds "abs(d['latency_ms'] / $true_ms - 1) < 0.02"
exits 1 table fill "$source_root/configs/spaces/conv-cifar.yaml" --db f.db --device pixel1
says err 'cannot be predicted from the 61 rows of pixel1'

# block tables as CSV: their rows, and those of repeated blocks, counted by awk
csv=$shared/latency-data/AnissL93-pipe-proxylessnas
if needs "$csv"; then
    for name in cpu_b cpu_s gpu; do
        exits 0 table import --db c.db --format csv --device "big-$name" "$csv/blocks_$name.csv" --json
        holds "d['rows'] == $(awk 'NR > 1' "$csv/blocks_$name.csv" | wc -l) == 72 and d['averaged'] == 0"
        small=$csv/cifar10/$name.csv
        exits 3 table import --db no.db --format csv --device small "$small"
        [ "$(wc -l <err)" -eq 1 ] || wrong 'repeated blocks are not one error'
        says err '48 blocks have several rows'
        [ -e no.db ] && wrong 'refused rows left a database behind'
        exits 0 table import --db c.db --format csv --device "small-$name" --duplicates mean "$small" --json
        holds "d['file_rows'] == $(awk 'NR > 1' "$small" | wc -l) == 1496 and d['rows'] == $(
            awk -F, 'NR > 1 && !seen[$1]++' "$small" | wc -l) == 1448 and d['averaged'] == $(
            awk -F, 'NR > 1 && ++seen[$1] == 2' "$small" | wc -l) == 48"
        exits 0 table show --db c.db --device "small-$name" --json
        holds "[r['n'] for r in d['rows']].count(2) == 48 and d['imported_from'][0]['unit'] == 'ms' and \
            d['imported_from'][0]['sha256'] == '$(sha256sum <"$small" | cut -d ' ' -f 1)'"
    done
    # mean of the two rows of one key, by hand
    key=expanded_conv-input:8x8x24-output:4x4x40-expand:3-kernel:3-stride:2-idskip:0
    mean=$(awk -F, -v k=$key '$1 == k { s += $2; n++ } END { printf "%.6f", s / n }' "$small")
    exits 0 table show --db c.db --device small-gpu
    grep -qE "^ *$mean ms  .* 2  imported .* mbconv in=8x8x24 out=4x4x40 k=3 e=3 s=2 skip=0$" out ||
        wrong "no mean of $mean ms"
    # a network, its rows added by hand: stem, mix, head, 22 blocks
    sum=$(awk -F, '
        NR > 1 { ms[$1] = $2 }
        function add(key) { if (!(key in ms)) exit 1; sum += ms[key] }
        function block(f, g, a, b, s, skip) {
            add("expanded_conv-input:" f "x" f "x" a "-output:" g "x" g "x" b "-expand:6-kernel:3-stride:" s "-idskip:" skip)
        }
        END {
            add("Conv-input:224x224x3-output:112x112x32")
            add("expanded_conv-input:112x112x32-output:112x112x16-expand:1-kernel:3-stride:1-idskip:0")
            add("Conv_1-input:7x7x320-output:7x7x1280")
            add("Logits-input:7x7x1280-output:1000")
            split("24 40 80 96 192 320", width, " "); split("2 2 2 1 2 1", stride, " "); split("4 4 4 4 4 1", n, " ")
            f = 112; c = 16
            for (i = 1; i <= 6; i++) {
                g = f / stride[i]
                block(f, g, c, width[i], stride[i], 0)
                for (j = 2; j <= n[i]; j++) block(g, g, width[i], width[i], 1, 1)
                f = g; c = width[i]
            }
            printf "%.4f", sum
        }' "$csv/blocks_cpu_b.csv")
    exits 0 table estimate --db c.db --device big-cpu_b --space "$space" --path 3x3e6 --json
    holds "abs(d['latency_ms'] - $sum) < 1e-4 and abs($sum - 63.950) < 1e-3 and d['rows'] == 25"

    # what is exported is imported again, in both forms and from one to the other
    for form in jsonl yaml; do
        exits 0 table export --db c.db --device small-gpu --to $form --out a.$form --json
        holds 'd["rows"] == 1448'
        exits 0 table import --db $form.db --format $form --device gpu a.$form --json
        holds 'd["rows"] == 1448 and d["averaged"] == 0'
        exits 0 table export --db $form.db --device gpu
        tail -n +2 out >again.$form
    done
    exits 0 table export --db c.db --device small-gpu
    tail -n +2 out >first
    cmp -s first again.jsonl && cmp -s first again.yaml || wrong 'exported and imported rows differ'
    python3 -c 'import json, sys; [json.loads(line) for line in open("a.jsonl")]' || wrong 'not JSON lines'
    exits 2 table export --db c.db --device small-gpu --to xml
    says err 'wanted jsonl|yaml|proxylessnas|once-for-all|csv|tfnas|networks'
    exits 2 table export --db c.db --device small-gpu --out ./c.db
    says err 'is the file that is read'
    exits 1 table export --db c.db --device nobody

    # a table where nothing can be written is read all the same, as whoever is not root would
    mkdir -p 'frozen %?#'
    cp c.db 'frozen %?#/c.db'
    as=()
    [ "$(id -u)" -eq 0 ] && as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    cp "$onepath" program
    chmod 755 . program
    cp c.db 'frozen %?#/old.db' # as the version before wrote it
    sqlite3 'frozen %?#/old.db' 'ALTER TABLE calibration DROP COLUMN hi_ns; ALTER TABLE calibration DROP COLUMN lo_ns;
        PRAGMA user_version = 2' || wrong 'no table of version 2'
    chmod 644 'frozen %?#/'*.db
    chmod 555 'frozen %?#'
    if "${as[@]}" ./program --version >out 2>err; then
        "${as[@]}" ./program table list --db 'frozen %?#/c.db' >out 2>err || wrong "a table that cannot be written cannot be read: $(cat err)"
        says out small-gpu
        "${as[@]}" ./program table list --db "$PWD/frozen %?#/old.db" >out 2>err || wrong "nor can one of an older version: $(cat err)"
        says out small-gpu
        [ "$(sqlite3 'frozen %?#/old.db' 'PRAGMA user_version')" = 2 ] || wrong 'a table that cannot be written was brought to a new version'
        mkdir closed && cp c.db closed && chmod 000 closed
        "${as[@]}" ./program table list --db closed/c.db >out 2>err && wrong 'a table in a closed folder was read'
        says err 'closed/c.db: latency table: Permission denied'
        chmod 755 closed
        "${as[@]}" ./program table calibrate --db 'frozen %?#/c.db' --device small-gpu >out 2>err && wrong 'a table that cannot be written was'
    else
        echo 'SKIPPED: a table that cannot be written: no other user can run the program here'
    fi
    chmod 755 'frozen %?#'
    exits 2 table import --db c.db --device x --format csv --duplicates last "$small"
    says err 'wanted refuse|mean'
fi

# a published table goes out as it came in: the same keys, times to the nanosecond, counts and spreads
same_tables() { # FILE FILE: what both say of each key, read without us
    python3 - "$1" "$2" <<'PY' || wrong "$1 and $2 differ"
import re, sys
def read(path):
    text, table = open(path).read(), {}
    if path.endswith('.csv'):
        return {key: [int(1e6 * float(ms) + 0.5)] for key, ms in (line.split(',') for line in text.split()[1:])}
    for key, count, mean, spread in re.findall(
            r'^ ?"?([^ ":]\S*?)"?:[ {]*\n\s+"?count"?: (\d+),?\n\s+"?mean"?: (\S+?),?\n\s+"?(?:var|std)"?: (\S+)', text, re.M):
        table[key] = [int(count), int(1e6 * float(mean) + 0.5), float(f'{float(spread):.10g}')]
    return table
a, b = (read(path) for path in sys.argv[1:])
heads = [k for k in a if re.match('AvgPool2D|Conv_2|Logits-input:1x1x', k)]
sums = [sum(t.pop(k)[1] for k in heads) for t in (a, b)]  # only their sum is known
sys.exit(len(a) < 60 or len(heads) not in (0, 3) or abs(sums[0] - sums[1]) > 3 or a != b)
PY
}
for published in proxylessnas/han-cai-files/mobile_trim.yaml proxylessnas/itouchz-Neural-Predictor-Tensorflow/pixel_trim.yaml \
    once-for-all/han-cai-files/note10_224_lookup_table.yaml once-for-all/UoS-EEC-DynamicOFA/jetson_224_lookup_table.json \
    csv/AnissL93-pipe-proxylessnas/blocks_gpu.csv; do
    form=${published%%/*} file=$shared/latency-data/${published#*/}
    needs "$file" || continue
    exits 0 table import --db out.db --format "$form" --device "$published" "$file"
    exits 0 table export --db out.db --device "$published" --to "$form" --out "out.${file##*.}" --json
    holds 'd["rows"] in (72, 94) and d["left_out"] == d["stale"] == d["unsaid"] == 0'
    same_tables "$file" "out.${file##*.}"
done
# so do latencies of whole networks
nets=$shared/latency-data/help-fbnet/derived_latency_ms.csv
if needs "$nets"; then
    exits 0 table import --db nets.db --format networks --device 1080ti_32 "$nets"
    exits 0 table export --db nets.db --device 1080ti_32 --to networks --out nets.csv --json
    holds 'd["networks"] == 5000 and d["rows"] == d["left_out"] == 0'
    column=$(head -n 1 "$nets" | tr ',' '\n' | grep -nx 1080ti_32 | cut -d : -f 1)
    cmp <(cut -d , -f "1,2,$column" "$nets" | tail -n +2 | awk -F , '{ printf "%s,%s,%.6f\n", $1, $2, $3 }') \
        <(tail -n +2 nets.csv) || wrong 'networks came out as others'
    exits 0 table export --db nets.db --device 1080ti_32 --out nets.jsonl --json
    exits 0 table import --db nets2.db --format jsonl --device 1080ti_32 nets.jsonl --json
    holds 'd["networks"] == 5000 and d["rows"] == 0'
    exits 0 table list --db nets2.db
    says out '0 rows, 5000 networks measured whole'
    exits 0 table list --db nets2.db --json
    holds 'd["platforms"][0]["networks"] == 5000'
    exits 0 table export --db nets2.db --device 1080ti_32 --to networks
    cmp -s out nets.csv || wrong 'networks changed on the way through JSON lines'
fi
# what a form has no key for is named
exits 0 table export --db out.db --device proxylessnas/han-cai-files/mobile_trim.yaml --to once-for-all
says err 'left out: mbconv in=112x112x16 out=56x56x24 k=3 e=3 s=2 skip=0: the form has no key for it'
exits 1 table export --db out.db --device proxylessnas/han-cai-files/mobile_trim.yaml --to once-for-all --out none/x.yaml
says err 'none/x.yaml'
exits 1 table export --db out.db --device proxylessnas/han-cai-files/mobile_trim.yaml --to tfnas
says err 'none of 72 rows has a key in form tfnas'

# a damaged table changes nothing
head -c 3000 "$tables/mobile_trim.yaml" >cut.yaml
printf '  broken: [\n' >>cut.yaml
exits 3 table import --db t.db --format proxylessnas --device pixel1 cut.yaml
says err 'cut.yaml:'
exits 0 table list --db t.db
says out '72 rows'
finish
