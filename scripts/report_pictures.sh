#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# report_pictures.sh RUN: docs/pictures/report-{light,dark}-{wide,narrow}.png from the report.html of a run; each shows
# other sections. Needs what tests/report/test_browser.sh needs (install.sh test, install.sh modules).
#
# Those in the repository are of: build/onepath search configs/searches/quickstart.yaml --run runs/pictures
#     --set search.epochs=8 --set data.limit=24000
set -euo pipefail
run=$(realpath "${1:?usage: report_pictures.sh RUN}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export NODE_PATH=${ONEPATH_NODE_MODULES:-build/node/node_modules}
node - "$run/report.html" "$(command -v chromium)" <<'JS'
const {chromium} = require("playwright-core");
const {pathToFileURL} = require("url");
const [page, executablePath] = process.argv.slice(2);
const pictures = {
    "light-wide": [1280, ["header", "nav", "#result", "#epochs", "#paths"]],
    "dark-wide": [1280, ["#winners", "#network", "#answers"]],
    "light-narrow": [390, ["header", "nav", "#result", "#epochs"]],
    "dark-narrow": [390, ["#paths", "#answers"]],
};
(async () => {
    const browser = await chromium.launch({executablePath, args: process.getuid() === 0 ? ["--no-sandbox"] : []});
    for (const [name, [width, wanted]] of Object.entries(pictures)) {
        const tab = await browser.newPage({viewport: {width, height: 900}, colorScheme: name.split("-")[0]});
        await tab.goto(pathToFileURL(page).href);
        await tab.evaluate((selectors) => {
            document.querySelectorAll("header, nav, section, footer").forEach((e) => (e.hidden = !selectors.some((s) => e.matches(s))));
            document.querySelectorAll("header, nav").forEach((e) => (e.style.display = e.hidden ? "none" : ""));
            document.querySelectorAll("#network details").forEach((e) => (e.open = false));
        }, wanted);
        await tab.screenshot({path: `docs/pictures/report-${name}.png`, fullPage: true});
        await tab.close();
    }
    await browser.close();
})();
JS
ls -l docs/pictures/report-*.png
