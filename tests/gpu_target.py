"""A GPU to compile for on a machine that has none: XLA takes its description in place of the device.

Needs JAX's CUDA plugin (the extra `cuda12` or `cuda13`), not a driver. What can be learnt this way is whether XLA can
compile a program for a GPU, how much memory it would take there, and what its loops are like; no figure of speed.
"""

from contextlib import suppress
from functools import cache
from typing import Any

import jax
import pytest
from jax._src import compilation_cache, config, xla_bridge
from jax.sharding import SingleDeviceSharding

H200 = """
gpu_device_info {
  threads_per_block_limit: 1024  threads_per_warp: 32  threads_per_core_limit: 2048
  shared_memory_per_block: 49152  shared_memory_per_core: 233472  shared_memory_per_block_optin: 232448
  core_count: 132  fpus_per_core: 128
  block_dim_limit_x: 2147483647  block_dim_limit_y: 65535  block_dim_limit_z: 65535
  thread_dim_limit_x: 1024  thread_dim_limit_y: 1024  thread_dim_limit_z: 64
  memory_bandwidth: 4800000000000  l2_cache_size: 52428800  clock_rate_ghz: 1.98  device_memory_size: 151397597184
  cuda_compute_capability { major: 9  feature_extension: ACCELERATED_FEATURES }
  registers_per_core_limit: 65536  registers_per_block_limit: 65536
  platform_version: "Compute Capability 9.0a"  device_address_bits: 64
  driver_version: "13.0.0"  runtime_version: "12.8.0"  compile_time_toolkit_version: "12.8.0"  dnn_version: "9.10.0"
}
platform_name: "CUDA"
dnn_version_info { major: 9  minor: 10 }
"""


@cache
def _device() -> Any:
    """The described device, for compiling only; None where the plugin is missing."""
    with suppress(Exception):  # without a driver the plugin refuses to run programs; it compiles them all the same
        xla_bridge.discover_pjrt_plugins()
    factories: Any = xla_bridge._topology_factories
    if "cuda" not in factories:
        return None
    topology = factories["cuda"]("", topology="1x1x1", target_config=H200)
    return topology._make_compile_only_devices()[0]


def compiled_for_gpu(function: Any, *args: Any) -> Any:
    """`function`, compiled for arguments like `args` on one GPU; skips the test where the plugin is missing."""
    if _device() is None:
        pytest.skip("compiling for a GPU needs the extra cuda12 or cuda13")
    there = SingleDeviceSharding(_device())
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(jax.numpy.shape(x), jax.numpy.asarray(x).dtype), args)
    lowered = jax.jit(function, in_shardings=there, out_shardings=there).lower(*shapes)
    with config.enable_compilation_cache(False):  # it keeps programs that can be run
        compilation_cache.reset_cache()
        try:
            return lowered.compile()
        finally:
            compilation_cache.reset_cache()
