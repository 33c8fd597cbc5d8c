"""A trained model as a function that jax.export serialises: StableHLO, with the parameters inside."""

from collections.abc import Mapping

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
    program, declared = model.program, model.prediction.fields

    def output(fields: Mapping[str, jax.Array]) -> jax.Array:
        raw = {name: _filled(x) if declared[name].endswith(OR_MISSING) else x for name, x in fields.items()}
        return model.prediction.function(params, model.hypers, raw, statistics)

    with Executor(program).precision():
        params, statistics = model.tree(), {name: jnp.asarray(x) for name, x in model.statistics.items()}
        shapes = _shapes(declared, program.dtype)
        exported = export.export(jax.jit(output), platforms=PLATFORMS)(shapes)
        return {f"{program.name}_model.jax": bytes(exported.serialize())}


def _filled(x: jax.Array) -> jax.Array:
    """Reals in which what is missing is as the program expects it."""
    return jnp.where(jnp.isnan(x), MISSING, x) if jnp.issubdtype(x.dtype, jnp.floating) else x


def _shapes(declared: Mapping[str, str], dtype: str) -> dict[str, jax.ShapeDtypeStruct]:
    """The fields' shapes [n, ...] and types, of n examples."""
    (n,) = export.symbolic_shape("n")
    out: dict[str, jax.ShapeDtypeStruct] = {}
    for name, text in declared.items():
        element, _, inner = text.removesuffix(OR_MISSING).rstrip("]").partition("[")
        sizes = tuple(int(size) for size in inner.split(", ")) if inner else ()
        shape = sizes[1:] if element == "class" else sizes
        types = {"class": "int32", "byte": "uint8", "real": dtype}
        out[name] = jax.ShapeDtypeStruct((n, *shape), types[element])  # type: ignore[no-untyped-call]
    return out
