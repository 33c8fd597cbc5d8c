"""MNIST as it ships with the package."""

import hashlib

import numpy as np

from drmadc_runtime.data.sources.bundled import MNIST_SHA256, mnist


def idx_bytes(array: np.ndarray, kind: int) -> bytes:
    head = bytes([0, 0, kind, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_embedded_mnist_is_the_original() -> None:
    raw = mnist()
    for part, stem in (("train", "train"), ("test", "t10k")):
        for field, name in (("image", "images-idx3"), ("label", "labels-idx1")):
            data = idx_bytes(np.asarray(raw[part][field]), 8)
            assert hashlib.sha256(data).hexdigest() == MNIST_SHA256[f"{stem}-{name}-ubyte"]
