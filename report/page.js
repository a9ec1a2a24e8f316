// SPDX-License-Identifier: Apache-2.0
// Draws the charts of the page from the tables that stand in it: <figure data-chart="line|stack|bars"> holds a table
// whose rows are what is drawn, and whose foot holds levels (line) or where a path was pruned (stack). Without this
// script, or without Chart.js, the tables stay.
"use strict";
(() => {
    const root = document.documentElement;
    const figures = [...document.querySelectorAll("figure[data-chart]")];
    const hues = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5", "--c6", "--c7"];
    const charts = [];

    // ---- colours: the style sheet's, as they are in the theme that holds ----

    const probe = document.body.appendChild(document.createElement("i"));
    probe.hidden = true;
    function colour(name) {
        probe.style.color = `var(${name})`;
        return getComputedStyle(probe).color;
    }
    function mix(a, b, share) {
        const of = (text) => text.match(/[\d.]+/g).slice(0, 3).map(Number);
        const [x, y] = [of(colour(a)), of(colour(b))];
        return `rgb(${x.map((v, i) => Math.round(v + (y[i] - v) * share)).join(", ")})`;
    }
    // Candidates of one kind and kernel share a hue; expansions and variants are its shades.
    const kinds = new Map();
    function pathColour(name) {
        if (name === "zero") return colour("--grey");
        const kind = name.replace(/e\d+|-.*$/g, "");
        if (!kinds.has(kind)) kinds.set(kind, []);
        const shades = kinds.get(kind);
        if (!shades.includes(name)) shades.push(name);
        const hue = [...kinds.keys()].indexOf(kind), shade = shades.indexOf(name);
        const pale = Math.min(0.75, 0.42 * shade + 0.25 * Math.floor(hue / hues.length));
        return mix(hues[hue % hues.length], "--card", pale);
    }

    // ---- tables ----

    function valueOf(cell) {
        const data = cell && cell.querySelector("data");
        const text = data ? data.value : cell ? cell.textContent.trim() : "";
        return text === "" || !Number.isFinite(Number(text)) ? null : Number(text);
    }
    function readTable(figure) {
        const table = figure.querySelector("table"), scale = Number(figure.dataset.scale || 1);
        const rows = [...table.tBodies[0].rows];
        const column = (i) => rows.map((r) => valueOf(r.cells[i])).map((v) => (v === null ? null : v * scale));
        return {
            names: [...table.tHead.rows[0].cells].map((c) => c.textContent),
            labels: rows.map((r) => r.cells[0].textContent),
            phases: rows.map((r) => r.dataset.phase),
            column, scale, rows,
            foot: table.tFoot ? [...table.tFoot.rows] : [],
        };
    }
    const short = (v) => (v === null ? "–" : Number(v.toPrecision(5)).toString());

    // ---- what the charts share ----

    // Text that what lies under it does not reach.
    function label(ctx, text, x, y) {
        ctx.font = "11px system-ui, sans-serif";
        ctx.lineWidth = 4;
        ctx.strokeStyle = colour("--card");
        ctx.fillStyle = colour("--soft");
        ctx.strokeText(text, x, y);
        ctx.fillText(text, x, y);
    }
    // Where a phase begins: an edge, and its name above.
    const phaseEdges = {
        id: "phaseEdges",
        afterDatasetsDraw(chart, args, options) {
            const {ctx, chartArea: area, scales: {x}} = chart, phases = options.phases || [];
            let free = area.left;
            ctx.save();
            phases.forEach((phase, i) => {
                if (i > 0 && phase === phases[i - 1]) return;
                const edge = i === 0 ? area.left : (x.getPixelForValue(i - 1) + x.getPixelForValue(i)) / 2;
                if (i > 0) {
                    ctx.strokeStyle = colour("--soft");
                    ctx.lineWidth = 1;
                    ctx.setLineDash([2, 3]);
                    ctx.beginPath();
                    ctx.moveTo(edge, free > edge ? area.top : area.top - 12);
                    ctx.lineTo(edge, area.bottom);
                    ctx.stroke();
                }
                const at = Math.max(edge + 4, free);
                ctx.setLineDash([]);
                label(ctx, phase, at, area.top - 5);
                free = at + ctx.measureText(phase).width + 8;
            });
            ctx.restore();
        },
    };
    // A level's name, above its line at the right.
    const levelNames = {
        id: "levelNames",
        afterDatasetsDraw(chart) {
            const {ctx, chartArea: area, scales: {y}} = chart;
            ctx.save();
            ctx.textAlign = "right";
            chart.data.datasets.filter((d) => d.isLevel).forEach((d) => {
                label(ctx, `${d.label} ${short(d.data[0])}`, area.right - 2, y.getPixelForValue(d.data[0]) - 4);
            });
            ctx.restore();
        },
    };
    function axis(more) {
        return {
            grid: {color: colour("--line"), borderColor: colour("--line")},
            ticks: {color: colour("--soft"), font: {size: 11}, maxRotation: 0},
            ...more,
        };
    }
    function title(text) {
        return {display: text !== "", text, color: colour("--soft"), font: {size: 11}};
    }
    function keys(parent, names) {
        let list = parent.querySelector(":scope > .keys");
        if (!list) {
            list = parent.appendChild(document.createElement("span"));
            list.className = "keys";
        }
        list.replaceChildren(...names.flatMap(([name, paint]) => {
            const key = document.createElement("span"), box = document.createElement("i");
            key.className = "key";
            box.style.background = paint;
            key.append(box, name);
            return [key, " "];
        }));
    }
    function draw(figure, type, data, options, plugins) {
        const canvas = figure.querySelector("canvas");
        charts.push(new Chart(canvas, {
            type, data, plugins,
            options: {animation: false, responsive: true, maintainAspectRatio: false, ...options,
                      plugins: {legend: {display: false}, ...options.plugins}},
        }));
    }

    // ---- the three kinds ----

    function drawLines(figure) {
        const t = readTable(figure), unit = figure.dataset.unit || "";
        const isNew = (c) => t.phases[c.p1DataIndex] === "train" && t.phases[c.p0DataIndex] !== "train";
        const datasets = t.names.slice(1).map((label, i) => {
            const paint = colour(["--c0", "--c2"][i % 2]);
            return {label, data: t.column(i + 1), borderColor: paint, backgroundColor: paint, borderWidth: 2,
                    pointRadius: t.rows.length > 60 ? 0 : 3, pointStyle: ["circle", "rectRot"][i % 2],
                    segment: {borderColor: (c) => (isNew(c) ? "transparent" : undefined)}}; // another network
        });
        keys(figure.querySelector("figcaption"), datasets.map((d) => [d.label, d.borderColor]));
        t.foot.forEach((row) => {
            const level = valueOf(row.cells[1]) * t.scale;
            datasets.push({label: row.cells[0].textContent, data: t.rows.map(() => level), isLevel: true,
                           borderColor: colour("--soft"), borderWidth: 1.5, borderDash: [6, 4], pointRadius: 0,
                           pointHitRadius: 0});
        });
        const epochs = t.labels.map((l) => l.replace(/^\S+ /, ""));
        draw(figure, "line", {labels: epochs, datasets}, {
            layout: {padding: {top: 16}},
            interaction: {mode: "index", intersect: false},
            scales: {x: axis({title: title("epoch")}), y: axis({title: title(unit), grace: "4%"})},
            plugins: {phaseEdges: {phases: t.phases},
                      tooltip: {callbacks: {title: (items) => t.labels[items[0].dataIndex],
                                            label: (item) => `${item.dataset.label}: ${short(item.raw)} ${unit}`}}},
        }, [phaseEdges, levelNames]);
    }

    function drawStack(figure) {
        const t = readTable(figure), names = t.names.slice(1), n = t.rows.length;
        const values = names.map((name, i) => t.column(i + 1).map((v) => v || 0));
        const pad = (list) => (n === 1 ? [list[0], list[0]] : list); // a single epoch is drawn as if it had lasted
        const datasets = names.map((label, i) => ({
            label, data: pad(values[i]), fill: i === 0 ? "origin" : "-1", backgroundColor: pathColour(label),
            borderColor: colour("--card"), borderWidth: 0.75, pointRadius: 0, stack: "p",
        }));
        const crosses = [];
        [...(t.foot[0] ? t.foot[0].cells : [])].slice(1).forEach((cell, c) => {
            if (cell.dataset.row === undefined) return;
            const row = Math.max(0, Number(cell.dataset.row) - 1);
            const below = values.slice(0, c).reduce((sum, v) => sum + v[row], 0);
            crosses.push({x: t.labels[row], y: Math.min(0.96, Math.max(0.04, below + values[c][row] / 2))});
        });
        datasets.push({type: "scatter", label: "pruned", data: crosses, yAxisID: "marks", order: -1, pointStyle: "crossRot", pointRadius: 4.5,
                       borderColor: colour("--ink"), borderWidth: 2, pointHitRadius: 0, clip: false});
        draw(figure, "line", {labels: pad(t.labels), datasets}, {
            interaction: {mode: "index", intersect: false},
            scales: {
                x: {display: false},
                y: axis({stacked: true, min: 0, max: 1, ticks: {color: colour("--soft"), font: {size: 10}, stepSize: 0.5}}),
                marks: {axis: "y", display: false, min: 0, max: 1},
            },
            plugins: {tooltip: {filter: (item) => item.dataset.label !== "pruned" && item.raw > 0, boxPadding: 2,
                                itemSort: (a, b) => b.raw - a.raw,
                                callbacks: {label: (item) => `${item.dataset.label}: ${item.raw.toFixed(3)}`}}},
        }, []);
        return names;
    }

    // A bar for each row, and a thin line from low to high where there are such columns.
    function drawBars(figure) {
        const t = readTable(figure), of = (name) => t.column(Number(figure.dataset[name]));
        const value = of("value"), low = figure.dataset.low ? of("low") : [], high = figure.dataset.high ? of("high") : [];
        const labels = t.rows.map((r) => figure.dataset.label.split(" ").map((i) => r.cells[i].textContent).join(" "));
        figure.querySelector(".canvas").style.height = `${26 * labels.length + 56}px`;
        const spans = labels.map((l, i) => (low[i] != null && high[i] != null ? [low[i], high[i]] : null));
        const datasets = [
            {label: figure.dataset.span, data: spans, backgroundColor: colour("--ink"), barThickness: 3, grouped: false,
             minBarLength: 2},
            {label: figure.dataset.name, data: value, barThickness: 15, grouped: false,
             backgroundColor: figure.dataset.paths ? labels.map(pathColour) : colour("--c0")},
        ];
        if (spans.some((s) => s)) keys(figure.querySelector("figcaption"), datasets.map((d) => [d.label, d.backgroundColor]).reverse());
        draw(figure, "bar", {labels, datasets}, {
            indexAxis: "y",
            interaction: {mode: "index", axis: "y", intersect: false},
            scales: {x: axis({title: title(figure.dataset.unit), beginAtZero: true, ticks: {
                         color: colour("--soft"), font: {size: 11}, maxRotation: 0, precision: figure.dataset.paths ? 0 : undefined}}),
                     y: axis({grid: {display: false}, ticks: {color: colour("--ink"), font: {size: 11}, autoSkip: false}})},
            plugins: {tooltip: {filter: (item) => item.raw !== null, callbacks: {
                label: (item) => `${item.dataset.label}: ${[].concat(item.raw).map(short).join(" to ")} ${figure.dataset.unit}`}}},
        }, []);
    }

    // ---- the page ----

    function drawAll() {
        charts.splice(0).forEach((chart) => chart.destroy());
        kinds.clear();
        const paths = new Set();
        figures.forEach((figure) => {
            if (figure.dataset.chart === "line") drawLines(figure);
            if (figure.dataset.chart === "bars") drawBars(figure);
            if (figure.dataset.chart === "stack") drawStack(figure).forEach((name) => paths.add(name));
        });
        const legend = document.getElementById("path-keys");
        if (legend) keys(legend, [...paths].map((name) => [name, pathColour(name)]));
    }
    function prepare(figure) {
        const box = document.createElement("div"), canvas = document.createElement("canvas");
        const caption = figure.querySelector("figcaption");
        box.className = "canvas";
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `Chart: ${caption.textContent.trim()}. Its numbers are in the table below it.`);
        box.append(canvas);
        caption.after(box);
    }

    const button = document.getElementById("theme");
    const system = matchMedia("(prefers-color-scheme: dark)");
    const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
    function show(theme) {
        if (theme) root.dataset.theme = theme;
        button.textContent = isDark() ? "Light colours" : "Dark colours";
        if (window.Chart) drawAll();
    }
    button.hidden = false;
    button.addEventListener("click", () => show(isDark() ? "light" : "dark"));
    system.addEventListener("change", () => show());

    // On paper everything is open and light.
    const folded = [...document.querySelectorAll("details")];
    let before = null;
    addEventListener("beforeprint", () => {
        before = {theme: root.dataset.theme, open: folded.map((d) => d.open)};
        folded.forEach((d) => (d.open = true));
        show("light");
    });
    addEventListener("afterprint", () => {
        folded.forEach((d, i) => (d.open = before.open[i]));
        delete root.dataset.theme;
        show(before.theme);
    });

    if (window.Chart) {
        figures.forEach(prepare);
        document.querySelectorAll("details.behind").forEach((d) => (d.open = false));
    }
    show();
    root.dataset.ready = "yes";
})();
