// SPDX-License-Identifier: Apache-2.0
// folded.js FOLDER NAME...: FOLDER/NAME.onnx, whose weights are in the file, and NAME.synthetic.onnx, which computes
// them, are the same to ONNX Runtime once it has loaded them: the profile of a run names the same operations with the
// same sizes (the order of two that do not need each other is free). And the logits of the second are ordinary numbers.
// One line each.
// ORT_MODULES: the node_modules with onnxruntime-node.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require(path.join(process.env.ORT_MODULES, 'onnxruntime-node'));

// Normal numbers, as far as twelve uniform ones make them.
const normal = () => Array.from({ length: 12 }, Math.random).reduce((a, b) => a + b, -6);

// What ran, one line an operation, and the logits.
async function run(folder, model) {
    const session = await ort.InferenceSession.create(path.join(folder, model), {
        intraOpNumThreads: 1, enableProfiling: true, profileFilePrefix: path.join(folder, model),
    });
    const shape = session.inputMetadata[0].shape.map((d) => (typeof d === 'number' ? d : 1));
    const x = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, normal);
    const { logits } = await session.run({ input: new ort.Tensor('float32', x, shape) });
    session.endProfiling();
    const profile = fs.readdirSync(folder).find((f) => f.startsWith(model) && f.endsWith('.json'));
    const ops = JSON.parse(fs.readFileSync(path.join(folder, profile)))
        .filter((e) => e.args?.op_name && e.name.endsWith('_kernel_time'))
        .map((e) => `${e.args.op_name} ${JSON.stringify(e.args.input_type_shape)} ${e.args.output_size}`)
        .sort();
    return { ops, logits: logits.data };
}

async function main(folder, names) {
    for (const name of names) {
        const real = await run(folder, `${name}.onnx`), synthetic = await run(folder, `${name}.synthetic.onnx`);
        const rms = Math.hypot(...synthetic.logits) / Math.sqrt(synthetic.logits.length);
        const same = real.ops.length > 0 && real.ops.join('\n') === synthetic.ops.join('\n');
        const ordinary = rms > 0.01 && rms < 100;
        console.log(`${same && ordinary ? 'folded' : 'WRONG'}: ${name}: ${real.ops.length} operations and ` +
            `${synthetic.ops.length}, logits around ${rms.toPrecision(2)}`);
        if (!same) console.log([...real.ops, '', ...synthetic.ops].join('\n'));
        if (!same || !ordinary) process.exitCode = 1;
    }
}

main(process.argv[2], process.argv.slice(3)).catch((e) => {
    console.log(`WRONG: ${e.message}`);
    process.exitCode = 1;
});
