#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
'use strict';
const usage = `usage: node runner.js [--threads N] [--batch N] [--level LEVEL] [--device NAME] [--modules FOLDER]
A runner (docs/runner-protocol.md) that measures ONNX models with ONNX Runtime on the processor. For onepath's --target:
    exec:node runner.js --threads 2
    exec:taskset -c 4-7 node runner.js          bound to cores
  --threads N       of an operation (1); operations run one after the other
  --batch N         of the models' inputs (1)
  --level LEVEL     graph optimisation: basic, extended, layout, all (all)
  --device NAME     name of this device (found out)
  --modules FOLDER  a node_modules with onnxruntime-node ($ORT_MODULES; else as Node finds it from the working folder)
`;
const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');

const PROTOCOL = 2;
const MAX_LINE = 64 << 20;
const FLOAT = 1; // ONNX's number of the type

// ---- this machine ----

const now = () => Number(process.hrtime.bigint()); // exact for a hundred days

function read(file) {
    try {
        return fs.readFileSync(file, 'utf8').replace(/\0/g, '').trim();
    } catch {
        return '';
    }
}

// 2^16 additions, each of which waits for the one before.
function additions(step) {
    let x = 0;
    for (let i = 0; i < 8192; i++) {
        x = (x + step) | 0; x = (x + step) | 0; x = (x + step) | 0; x = (x + step) | 0;
        x = (x + step) | 0; x = (x + step) | 0; x = (x + step) | 0; x = (x + step) | 0;
    }
    return x;
}

// The clock of this core in kHz: an addition takes a cycle. The fastest of three, which nothing interrupted.
function clock() {
    let best = Infinity, sum = 0;
    for (let i = 0; i < 3; i++) {
        const start = now();
        sum = (sum + additions(i + 1)) | 0;
        best = Math.min(best, now() - start);
    }
    return sum === 1 ? 0 : Math.round((65536 * 1e6) / best); // the sum is used, so that it is computed
}

function busyClock() {
    const start = now();
    let khz = 0;
    do khz = clock();
    while (now() - start < 50e6); // it rises, and the loop is compiled
    return khz;
}

// The protocol's texts are shorter than 160 bytes: of a longer one its beginning, and what tells it from others.
function fit(text) {
    const bytes = Buffer.from(text);
    if (bytes.length < 160) return text;
    const hash = crypto.createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    return `${bytes.subarray(0, 120).toString().replace(/\ufffd$/, '')}... ${hash}`;
}

// The core that the main thread is on: the 39th field, counted behind the name in parentheses.
const core = () => read('/proc/self/stat').split(') ')[1]?.split(' ')[36] ?? '';
const switches = () => process.resourceUsage().involuntaryContextSwitches;

// ---- what it says of itself ----

function facts(options, runtime) {
    const allowed = /^Cpus_allowed_list:\s*(\S+)/m.exec(read('/proc/self/status'))?.[1] ?? '';
    const online = read('/sys/devices/system/cpu/online');
    return {
        message: 'hello', version: PROTOCOL, accepts: ['onnx'], stamps: false,
        platform: {
            device: fit(options.device || read('/proc/device-tree/model') || os.cpus()[0]?.model || os.hostname()),
            backend: 'onnxruntime', backend_version: runtime.version, kernel_set: `level=${options.level}`,
            kernel_hash: runtime.hash, cluster: allowed && allowed !== online ? fit(allowed) : 'any', precision: 'f32',
            threads: options.threads, batch: options.batch,
        },
        run: {
            os: fit(`${os.type()} ${os.release()} ${os.machine()}`), allowed: fit(allowed), compiler: `node ${process.version}`,
            governor: read('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'), clock_khz: busyClock(),
        },
    };
}

// The addon behind onnxruntime-node. The package's own run() goes through a promise and a turn of the event loop, some
// microseconds that vary; what is below it returns when the model has run.
function load(modules) {
    const paths = modules ? [path.dirname(path.resolve(modules))] : [process.cwd(), __dirname];
    const main = require.resolve('onnxruntime-node', { paths });
    const root = main.slice(0, main.lastIndexOf('onnxruntime-node') + 'onnxruntime-node'.length);
    const { binding, initOrt } = require(path.join(root, 'dist', 'binding'));
    initOrt();
    const library = path.join(root, 'bin', 'napi-v6', process.platform, process.arch);
    const hash = crypto.createHash('sha256');
    for (const file of fs.readdirSync(library).sort()) hash.update(fs.readFileSync(path.join(library, file)));
    return {
        Session: binding.InferenceSession, Tensor: require(main).Tensor,
        version: require(path.join(root, 'package.json')).version, hash: hash.digest('hex'),
    };
}

// ---- a model that can be run ----

// Normal numbers (G. Box and M. Muller, 1958), the same each time.
function normal(count) {
    const x = new Float32Array(count);
    let state = 1;
    const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
    for (let i = 0; i < count; i++) x[i] = Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    return x;
}

// A tensor for one end of the model; its first size may be free.
function tensor(end, options, runtime, fill) {
    const dims = end.shape.map((d, i) => (d < 0 && i === 0 ? options.batch : d));
    if (end.type !== FLOAT || dims.some((d) => d < 1)) throw new Error(`${end.name}: not float32 of a known shape`);
    if (dims[0] !== options.batch) throw new Error(`${end.name}: has a batch of ${dims[0]}, wanted ${options.batch}`);
    return new runtime.Tensor('float32', fill(dims.reduce((a, b) => a * b, 1)), dims);
}

// A function that runs the model once. Outputs are allocated here, once.
function prepare(bytes, options, runtime) {
    const session = new runtime.Session();
    session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
        executionProviders: ['cpu'], executionMode: 'sequential', graphOptimizationLevel: options.level,
        intraOpNumThreads: options.threads, interOpNumThreads: 1, extra: { session: { set_denormal_as_zero: '1' } },
    });
    const ends = (list, fill) => Object.fromEntries(list.map((e) => [e.name, tensor(e, options, runtime, fill)]));
    const inputs = ends(session.inputMetadata, normal);
    const outputs = ends(session.outputMetadata, (count) => new Float32Array(count));
    const run = () => session.run(inputs, outputs, {});
    run();
    for (const y of Object.values(outputs))
        if (!y.data.every(Number.isFinite)) throw new Error('the output has infinities or NaN: times would mean little');
    return { run, close: () => session.dispose() };
}

// ---- timing, by the stop rule of the protocol ----

function timeCalls(run, reps) {
    const start = now();
    for (let i = 0; i < reps; i++) run();
    return now() - start;
}

const sorted = (x) => Float64Array.from(x).sort();
const median = (x) => sorted(x)[x.length >> 1];

// Whether the 95 % interval of the median, by order statistics, is narrow enough.
function narrow(samples, rule) {
    const x = sorted(samples), n = x.length;
    const rank = Math.floor((n - 1.96 * Math.sqrt(n)) / 2);
    return rank >= 1 && (x[n - rank] - x[rank - 1]) / 2 <= rule.ci_half_width * x[n >> 1];
}

// Doubles the calls of a sample until it is long enough, and goes on until the median of five stands still.
function warmUp(run, rule, start) {
    const times = [];
    for (let reps = 1, calls = 0; ; ) {
        const elapsed = timeCalls(run, reps);
        calls += reps;
        if (elapsed < rule.sample_min_ns && reps < 2 ** 30) {
            reps *= 2;
            times.length = 0;
            continue;
        }
        times.push(elapsed);
        if (calls < rule.warmup_calls) continue;
        const before = median(times.slice(-10, -5)), after = median(times.slice(-5));
        const settled = times.length >= 10 && Math.abs(after - before) <= 0.01 * before;
        const spent = now() - start;
        if (spent >= rule.time_max_ns / 4 || (spent >= rule.warmup_min_ns && settled)) return reps;
    }
}

function measure(run, rule) {
    const start = now(), reps = warmUp(run, rule, start), begin = now();
    const samples = [], clocks = [], cores = new Set();
    let rejected = 0, before = clock();
    for (let next = rule.samples_min; ; ) {
        const late = now() - start >= rule.time_max_ns || rejected > rule.samples_max;
        if (samples.length === rule.samples_max || (late && samples.length >= 3)) break;
        if (samples.length >= next && now() - begin >= rule.time_min_ns) {
            if (narrow(samples, rule)) break;
            next = samples.length * 1.125 + 1;
        }
        const taken = switches();
        const elapsed = timeCalls(run, reps);
        const disturbed = switches() !== taken;
        const after = clock();
        if (disturbed && !late) rejected++; // late, a disturbed sample is better than none
        else {
            samples.push(Math.max(1, Math.round(elapsed / reps)));
            clocks.push(Math.round((before + after) / 2));
            cores.add(core());
        }
        before = after;
    }
    return {
        samples_ns: samples, clock_khz: clocks, inner_reps: reps, n_rejected: rejected,
        rejected: rejected > 0 ? { preempted: rejected } : {}, cores: fit([...cores].sort((a, b) => a - b).join(',')),
    };
}

// ---- the protocol ----

function answer(request, options, runtime) {
    const text = request.onnx;
    if (typeof text !== 'string') throw new Error('this runner takes "onnx"');
    if (request.stamps) throw new Error('this runner cannot stamp the boundaries of blocks');
    const model = prepare(Buffer.from(text, 'base64'), options, runtime);
    try {
        return { message: 'result', id: request.id, ...measure(model.run, request.stop) };
    } finally {
        model.close();
    }
}

function* lines() {
    const chunk = Buffer.alloc(1 << 16);
    let parts = [], length = 0;
    for (let got; (got = fs.readSync(0, chunk)) > 0; ) {
        let rest = Buffer.from(chunk.subarray(0, got));
        for (let end; (end = rest.indexOf(10)) >= 0; rest = rest.subarray(end + 1)) {
            yield Buffer.concat([...parts, rest.subarray(0, end)]).toString();
            parts = [];
            length = 0;
        }
        parts.push(rest);
        if ((length += rest.length) > MAX_LINE) throw new Error(`a line of more than ${MAX_LINE} bytes`);
    }
}

function write(message) {
    const bytes = Buffer.from(JSON.stringify(message) + '\n');
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(1, bytes, at);
}

// false: the driver said bye.
function serve(line, options, runtime) {
    const request = JSON.parse(line);
    if (request.message === 'hello' && request.version === PROTOCOL) write(facts(options, runtime));
    else if (request.message === 'bye') write({ message: 'bye' });
    else if (request.message === 'measure') {
        try {
            write(answer(request, options, runtime));
        } catch (e) {
            write({ message: 'error', id: request.id, text: `onnxruntime: ${e.message}` });
        }
    } else throw new Error(`"${request.message}" of version ${request.version} is not known, this is ${PROTOCOL}`);
    return request.message !== 'bye';
}

function parse(args) {
    const options = { threads: 1, batch: 1, level: 'all', device: '', modules: process.env.ORT_MODULES };
    const levels = ['basic', 'extended', 'layout', 'all'];
    for (let i = 0; i < args.length; i += 2) {
        const name = args[i].replace(/^--/, ''), value = args[i + 1];
        if (!args[i].startsWith('--') || !(name in options) || value === undefined)
            throw new Error(`${args[i]}: unknown, or its value is missing (see --help)`);
        options[name] = typeof options[name] === 'number' ? Number(value) : value;
        if (typeof options[name] === 'number' && !(Number.isInteger(options[name]) && options[name] >= 1))
            throw new Error(`${args[i]} is "${value}", wanted 1 or more`);
    }
    if (!levels.includes(options.level)) throw new Error(`--level is "${options.level}", wanted ${levels.join(', ')}`);
    return options;
}

function main(args) {
    if (args.includes('--help')) return void process.stdout.write(usage);
    const options = parse(args), runtime = load(options.modules);
    for (const line of lines()) {
        try {
            if (!serve(line, options, runtime)) return;
        } catch (e) {
            write({ message: 'error', id: 0, text: e.message }); // the driver then knows why this runner ends
            throw e;
        }
    }
}

try {
    main(process.argv.slice(2));
} catch (e) {
    process.stderr.write(`runner.js: ${e.message}\n`);
    process.exitCode = 1;
}
