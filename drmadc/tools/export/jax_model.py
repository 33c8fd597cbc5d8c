"""A trained model as a function in one file, its parameters inside: StableHLO by jax.export, ONNX by jax2onnx."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import export

from drmadc_runtime.core.missing import MISSING
from drmadc_runtime.data.sources.read import OR_MISSING
from drmadc_runtime.program.executor import Executor
from drmadc_runtime.run.model import Model

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def jax_model(model: Model) -> dict[str, bytes]:
    """NAME_model.jax: a function of raw fields [n, ...] by name, for any n and on any platform.

    Real fields are of the program's type, NaN where a value may be missing; of words their places among the classes are
    given, and -1 for one that is missing.

    Raises:
        ImportError: flatbuffers is not installed, in which JAX writes the file.
    """
    program = model.program
    with Executor(program).precision():
        (n,) = export.symbolic_shape("n")
        shapes = {
            name: jax.ShapeDtypeStruct((n, *shape), dtype)  # type: ignore[no-untyped-call]
            for name, (shape, dtype) in _inputs(model).items()
        }
        exported = export.export(jax.jit(_output(model)), platforms=PLATFORMS)(shapes)
        return {f"{program.name}_model.jax": bytes(exported.serialize())}


def onnx_model(model: Model) -> dict[str, bytes]:
    """NAME_model.onnx: the same function for ONNX runtimes, its inputs named as the fields.

    Raises:
        ImportError: jax2onnx is not installed.
    """
    from jax2onnx import to_onnx

    program, inputs = model.program, _inputs(model)
    with Executor(program).precision():
        output = _output(model)

        def of_fields(*fields: jax.Array) -> jax.Array:
            return output(dict(zip(inputs, fields, strict=True)))

        shapes = [
            jax.ShapeDtypeStruct(("n", *shape), dtype)  # type: ignore[no-untyped-call]
            for shape, dtype in inputs.values()
        ]
        found = to_onnx(
            of_fields,
            shapes,
            return_mode="proto",
            input_names=list(inputs),
            output_names=["outputs"],
            enable_double_precision=program.dtype == "float64",
        )
        return {f"{program.name}_model.onnx": bytes(found.SerializeToString())}


def _output(model: Model) -> Callable[[Mapping[str, jax.Array]], jax.Array]:
    """The model's output as a function of raw fields, its parameters constants."""
    declared = model.prediction.fields
    params, statistics = model.tree(), {name: jnp.asarray(x) for name, x in model.statistics.items()}

    def output(fields: Mapping[str, jax.Array]) -> jax.Array:
        raw = {name: _filled(x) if declared[name].endswith(OR_MISSING) else x for name, x in fields.items()}
        return model.prediction.function(params, model.hypers, raw, statistics)

    return output


def _filled(x: jax.Array) -> jax.Array:
    """Reals in which what is missing is as the program expects it."""
    return jnp.where(jnp.isnan(x), MISSING, x) if jnp.issubdtype(x.dtype, jnp.floating) else x


def _inputs(model: Model) -> dict[str, tuple[tuple[int, ...], str]]:
    """The shape and type of a field of one example, by name."""
    types = {"class": "int32", "byte": "uint8", "real": model.program.dtype}
    out: dict[str, tuple[tuple[int, ...], str]] = {}
    for name, text in model.prediction.fields.items():
        element, _, inner = text.removesuffix(OR_MISSING).rstrip("]").partition("[")
        sizes = tuple(int(size) for size in inner.split(", ")) if inner else ()
        out[name] = (sizes[1:] if element == "class" else sizes), types[element]
    return out
