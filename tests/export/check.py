# SPDX-License-Identifier: Apache-2.0
# check.py MODEL.onnx: ONNX's own checker and its shape inference accept the file, and every value has a shape.
import sys

import onnx

model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
known = {value.name for value in list(inferred.graph.value_info) + list(inferred.graph.output)}
unknown = [name for node in model.graph.node for name in node.output if name not in known]
assert not unknown, f"no shape: {unknown}"
assert model.ir_version == 7 and [(o.domain, o.version) for o in model.opset_import] == [("", 13)]
for end in (model.graph.input[0], model.graph.output[0]):
    dims = end.type.tensor_type.shape.dim
    assert dims[0].dim_param == "N" and all(d.dim_value > 0 for d in dims[1:]), end.name
