// SPDX-License-Identifier: Apache-2.0
// check_browser.js PAGE ROWS CHROMIUM [once]: the report in a browser, at two widths and in both themes: it draws, says nothing
// on the console, asks for nothing, does not overflow, can be read and used by keyboard, and its numbers are those of
// ROWS (tables of run.db as JSON). Prints what is wrong, a line each, and exits 1.
"use strict";
const fs = require("fs");
const {pathToFileURL} = require("url");
const {chromium} = require("playwright-core");

const [page, rowsFile, executablePath, once] = process.argv.slice(2);
const url = pathToFileURL(fs.realpathSync(page)).href;
const rows = JSON.parse(fs.readFileSync(rowsFile, "utf8"));
let where = "", nWrong = 0;

function expect(good, ...what) {
    if (good) return;
    nWrong++;
    console.log("WRONG:", where, ...what);
}

// ---- in the page ----

function layout() {
    return {
        ready: document.documentElement.dataset.ready, width: document.documentElement.scrollWidth, window: innerWidth,
        background: getComputedStyle(document.body).backgroundColor,
        regions: [...document.querySelectorAll(".scroll")].every((e) => e.tabIndex === 0 && e.getAttribute("aria-label")),
        pictures: [...document.images].every((i) => i.alt !== "" && i.complete && i.naturalWidth > 0),
        nPictures: document.images.length,
    };
}
function canvases() {
    return [...document.querySelectorAll("figure[data-chart]")].map((figure) => {
        const canvas = figure.querySelector("canvas"), copy = document.createElement("canvas");
        [copy.width, copy.height] = [canvas.width, canvas.height];
        const context = copy.getContext("2d", {willReadFrequently: true});
        context.drawImage(canvas, 0, 0);
        const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
        return {label: canvas.getAttribute("aria-label"), role: canvas.getAttribute("role"), colours: new Set(pixels).size,
                nRows: figure.querySelectorAll("tbody tr").length, isFolded: !figure.querySelector("details").open};
    });
}
// Texts whose contrast with what is behind them is below 4.5 (WCAG 2.1, 1.4.3).
function paleTexts() {
    const parse = (text) => {
        const [r, g, b, a] = text.match(/[\d.]+/g).map(Number);
        return [r, g, b, a === undefined ? 1 : a];
    };
    const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
    const luminance = (c) => {
        const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (e) => (e ? over(parse(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : [255, 255, 255, 1]);
    const pale = [];
    for (const e of document.querySelectorAll("body *:not(script):not(svg *)")) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.checkVisibility()) continue;
        const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) pale.push(`${e.tagName} "${e.textContent.slice(0, 20)}" ${ratio.toFixed(2)}`);
    }
    return pale.slice(0, 5);
}
// The page's numbers: tables of the charts, tiles, matrix, images.
function numbers() {
    const cell = (c) => (c.querySelector("data") ? Number(c.querySelector("data").value) : c.textContent.trim());
    const table = (t) => [...t.rows].map((r) => [...r.cells].map(cell));
    return {
        lines: [...document.querySelectorAll("figure[data-chart=line]")].map((f) => ({
            title: f.querySelector("figcaption").firstChild.data, rows: table(f.querySelector("table"))})),
        stacks: [...document.querySelectorAll("figure[data-chart=stack]")].map((f) => ({
            position: Number(f.textContent.match(/^block (\d+)/)[1]), rows: table(f.querySelector("table"))})),
        tiles: [...document.querySelectorAll(".tile")].map((t) => [t.querySelector("h3").textContent,
            ...[...t.querySelectorAll("data")].map((d) => Number(d.value))]),
        matrix: table(document.getElementById("confusion")),
        images: [...document.querySelectorAll(".images figure")].map((f) => [
            f.querySelector("b").textContent, f.querySelector("figcaption").textContent.match(/taken for (.*)p \d/)[1],
            ...[...f.querySelectorAll("data")].map((d) => Number(d.value)), Number(f.textContent.match(/image (\d+)$/)[1]),
            f.querySelector("img").src.split(",")[1]]),
        nLatencies: document.querySelectorAll("#latencies tbody tr").length,
        events: [...document.querySelectorAll("#events tbody tr")].map((r) => r.cells[3].textContent),
    };
}

// ---- against the database ----

const metrics = {
    "Accuracy": ["train_accuracy", "validation_accuracy"], "Loss": ["train_loss", "validation_loss"],
    "Expected latency": ["expected_latency_ms"], "Mean entropy of the paths": ["entropy"],
    "Loss of the architecture steps": ["architecture_loss"],
};
const tiles = {
    "Accuracy on the test set": "test_accuracy", "Latency, measured": "measured_ms", "Latency, predicted": "predicted_ms",
    "Latency budget": "target_ms", "Parameters": "n_params", "Multiply-accumulates": "n_macs",
};
const result = (name) => rows.metric.filter((m) => m.phase === "result" && m.name === name).map((m) => m.value).pop();

function compareLines(lines) {
    let nCompared = 0;
    for (const {title, rows: table} of lines)
        for (const [label, ...values] of table.slice(1)) {
            const [phase, epoch] = label.split(" ");
            metrics[title].forEach((name, i) => {
                const row = rows.metric.find((m) => m.phase === phase && m.epoch === epoch - 1 && m.name === name);
                const wanted = label === "budget" ? result("target_ms") : label === "at the start" ?
                    result("initial_expected_ms") : row ? row.value : "–";
                expect(values[i] === wanted, `${title}, ${label}, ${name}: ${values[i]}, the database has ${wanted}`);
                nCompared++;
            });
        }
    const nWanted = rows.metric.filter((m) => Object.values(metrics).flat().includes(m.name) && m.phase !== "result").length;
    expect(nCompared >= nWanted && nWanted > 0, `${nCompared} metrics on the page, ${nWanted} in the database`);
}
function comparePaths(stacks) {
    for (const {position, rows: [head, ...table]} of stacks) {
        const mine = rows.alpha.filter((a) => a.position === position);
        const ticks = [...new Set(mine.map((a) => a.tick))];
        expect(table.length === ticks.length + 1, `block ${position}: ${table.length} rows for ${ticks.length} epochs`);
        ticks.forEach((tick, i) => mine.filter((a) => a.tick === tick).forEach((a) => {
            const shown = table[i][a.candidate + 1];
            expect(head[a.candidate + 1] === a.name, `block ${position}: ${head[a.candidate + 1]} is ${a.name}`);
            expect(a.alive ? Math.abs(shown - a.p) <= 5.1e-5 : shown === "", `block ${position}, ${a.name}: ${shown} is ${a.p}`);
            expect(a.alive || table[ticks.length][a.candidate + 1] !== "", `block ${position}: ${a.name} is not marked`);
        }));
    }
    expect(stacks.length === new Set(rows.alpha.map((a) => a.position)).size, `${stacks.length} blocks`);
}
function compareAnswers(page_) {
    const names = rows.class.map((c) => c.name);
    const [, ...matrix] = page_.matrix;
    matrix.forEach((row, truth) => {
        expect(row[0] === names[truth], `row ${truth} is ${row[0]}, class ${names[truth]}`);
        names.forEach((name, answer) => {
            const cell = rows.confusion.find((c) => c.truth === truth && c.answer === answer);
            expect(Number(row[answer + 1]) === (cell ? cell.n : 0), `${names[truth]} for ${name}: ${row[answer + 1]}`);
        });
    });
    expect(matrix.length === names.length && names.length > 0, `${matrix.length} classes, the database has ${names.length}`);
    const worst = rows.worst_image.map((w) => [names[w.truth], names[w.answer], w.p, w.loss, w.image,
                                               Buffer.from(w.png, "hex").toString("base64")]);
    expect(JSON.stringify(page_.images) === JSON.stringify(worst), "the worst images are not those of the database");
}
function compare(page_) {
    compareLines(page_.lines);
    comparePaths(page_.stacks);
    compareAnswers(page_);
    for (const [title, value] of page_.tiles)
        expect(value === result(tiles[title]), `${title}: ${value}, the database has ${result(tiles[title])}`);
    expect(page_.tiles.length === 6, `${page_.tiles.length} tiles`);
    expect(page_.nLatencies === rows.latency.length, `${page_.nLatencies} latency rows of ${rows.latency.length}`);
    expect(JSON.stringify(page_.events) === JSON.stringify(rows.event.map((e) => e.text)), "events differ");
}

// ---- the checks ----

async function open(browser, options) {
    const context = await browser.newContext(options), tab = await context.newPage();
    tab.on("console", (m) => expect(false, `console: ${m.text()}`));
    tab.on("pageerror", (e) => expect(false, `error: ${e.message}`));
    tab.on("request", (r) => expect(r.url() === url || r.url().startsWith("data:"), `asks for ${r.url()}`));
    await tab.goto(url);
    return tab;
}
const isDark = (colour) => Number(colour.match(/\d+/)[0]) < 128;

async function checkDrawn(tab, dark) {
    const l = await tab.evaluate(layout);
    expect(l.ready === "yes", "the script did not end");
    expect(l.width <= l.window, `${l.width} pixels wide in a window of ${l.window}`);
    expect(isDark(l.background) === dark, `the background is ${l.background}`);
    expect(l.regions, "a table that scrolls cannot be reached by keyboard or has no name");
    expect(l.pictures && l.nPictures === rows.worst_image.length, `${l.nPictures} pictures, or one is broken`);
    for (const c of await tab.evaluate(canvases)) {
        expect(c.colours > 4, `blank: ${c.label}`);
        expect(c.role === "img" && /^Chart: .{4,}/.test(c.label), `no name: ${c.label}`);
        expect(c.nRows > 0, `no table: ${c.label}`);
    }
    for (const text of await tab.evaluate(paleTexts)) expect(false, `contrast: ${text}`);
}

async function checkPage(browser, width, colorScheme) {
    where = `${width} ${colorScheme}:`;
    const tab = await open(browser, {viewport: {width, height: 900}, colorScheme});
    const dark = colorScheme === "dark";
    await checkDrawn(tab, dark);
    compare(await tab.evaluate(numbers));
    where = `${width} ${colorScheme}, after the button:`;
    await tab.keyboard.press("Tab");
    await tab.keyboard.press("Enter");
    await checkDrawn(tab, !dark);
    where = `${width} ${colorScheme}, printed:`;
    expect((await tab.pdf()).length > 20000, "next to nothing was printed");
    await checkDrawn(tab, !dark);
    await tab.context().close();
}

async function checkWithoutScripts(browser) {
    where = "without scripts:";
    const tab = await open(browser, {viewport: {width: 390, height: 900}, javaScriptEnabled: false});
    const tables = await tab.locator("figure[data-chart] table").all();
    for (const table of tables) expect(await table.isVisible(), "a table is hidden");
    expect(tables.length > 4, `${tables.length} tables`);
    expect((await tab.locator("canvas").count()) === 0, "an empty canvas");
    expect(!(await tab.locator("#theme").isVisible()), "a button that does nothing");
    compare(await tab.evaluate(numbers));
    await tab.context().close();
}

(async () => {
    // As root, in a container, Chromium has no sandbox; the page is our own.
    const args = process.getuid() === 0 ? ["--no-sandbox"] : [];
    const browser = await chromium.launch({executablePath, args});
    for (const width of once ? [390] : [1280, 390])
        for (const theme of once ? ["dark"] : ["light", "dark"]) await checkPage(browser, width, theme);
    await checkWithoutScripts(browser);
    await browser.close();
    process.exit(nWrong > 0 ? 1 : 0);
})().catch((e) => {
    console.log("WRONG:", where, e.message);
    process.exit(1);
});
