// SPDX-License-Identifier: Apache-2.0
// compare.js NAME MODEL.onnx INPUTS.safetensors ANSWERS.safetensors: runs the model in ONNX Runtime and compares its
// logits with ours. INPUTS has "images", bytes [n][h][w][c], normalised here as the model's metadata say, or "input",
// float32 [n][h][w][c]. Prints one line; exits 1 when the largest difference of a logit is over 1e-4 of the largest
// logit, or the best class of an image is another. ORT_MODULES: the node_modules with onnxruntime-node.
'use strict';
const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');
const ort = require(path.join(process.env.ORT_MODULES, 'onnxruntime-node'));

const TYPES = { F32: Float32Array, I32: Int32Array, U8: Uint8Array };

// The tensors of a safetensors file by name.
function safetensors(file) {
    const bytes = fs.readFileSync(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString());
    const tensors = {};
    for (const [name, t] of Object.entries(header)) {
        if (name === '__metadata__') continue;
        const [from, to] = t.data_offsets.map((at) => bytes.byteOffset + 8 + length + at);
        const copy = bytes.buffer.slice(from, to); // aligned
        tensors[name] = { shape: t.shape, data: new TYPES[t.dtype](copy) };
    }
    return tensors;
}

// What the program says the file's metadata are.
function metadata(model) {
    const out = execFileSync(path.join(process.env.ONEPATH_BINARY, 'onepath'), ['graph', model, '--json']);
    return JSON.parse(out).metadata;
}

// Images [first, first + n) as [n][c][h][w].
function batch(inputs, meta, first, n) {
    const { shape: [, h, w, c], data } = inputs.images || inputs.input;
    const mean = inputs.images && meta.mean.split(',').map(Number);
    const deviation = inputs.images && meta.deviation.split(',').map(Number);
    const x = new Float32Array(n * c * h * w);
    for (let i = 0, from = first * h * w * c; i < n; i++)
        for (let p = 0; p < h * w; p++)
            for (let k = 0; k < c; k++, from++)
                x[(i * c + k) * h * w + p] = inputs.images ? (data[from] / 255 - mean[k]) / deviation[k] : data[from];
    return new ort.Tensor('float32', x, [n, c, h, w]);
}

const argmax = (row) => row.reduce((best, x, k) => (x > row[best] ? k : best), 0);

async function main(name, model, inputsFile, answersFile) {
    const inputs = safetensors(inputsFile);
    const { logits } = safetensors(answersFile);
    const [n, classes] = logits.shape;
    const meta = inputs.images ? metadata(model) : {};
    const session = await ort.InferenceSession.create(model);
    let difference = 0, largest = 0, same = 0;
    const seen = new Set();
    for (let first = 0; first < n; first += 50) {
        const count = Math.min(50, n - first);
        const { logits: theirs } = await session.run({ input: batch(inputs, meta, first, count) });
        if (theirs.dims[0] !== count || theirs.dims[1] !== classes) throw new Error(`logits are ${theirs.dims}`);
        for (let i = 0; i < count; i++) {
            const a = logits.data.subarray((first + i) * classes, (first + i + 1) * classes);
            const b = theirs.data.subarray(i * classes, (i + 1) * classes);
            for (let k = 0; k < classes; k++) {
                // so that a NaN is a difference too
                if (!(Math.abs(a[k] - b[k]) <= difference)) difference = Math.abs(a[k] - b[k]);
                largest = Math.max(largest, Math.abs(a[k]));
            }
            same += argmax(a) === argmax(b) ? 1 : 0;
            seen.add(argmax(a));
        }
    }
    const relative = difference / largest;
    const agrees = relative <= 1e-4 && same === n;
    console.log(`${agrees ? 'agrees' : 'WRONG'}: ${name}: ${n} images, largest logit ${largest.toPrecision(3)}, ` +
        `largest difference ${relative.toExponential(1)} of it, same class ${same} of ${n} (${seen.size} classes seen)`);
    process.exitCode = agrees ? 0 : 1;
}

main(...process.argv.slice(2)).catch((e) => {
    console.log(`WRONG: ${process.argv[2]}: ${e.message}`);
    process.exitCode = 1;
});
