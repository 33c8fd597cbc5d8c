"""The functions of the language: what they take, what they give."""

from dataclasses import dataclass
from typing import Literal

ELEMENTWISE = (
    "tanh",
    "relu",
    "sigmoid",
    "softplus",
    "gelu",
    "exp",
    "log",
    "sqrt",
    "abs",
    "sign",
    "sin",
    "cos",
)

Kind = Literal[
    "elementwise",
    "reduction",
    "loss",
    "dense",
    "flatten",
    "draw",
    "array",
    "noise",
    "softmax",
    "range",
    "mix",
    "append",
    "neighbours",
    "expm",
    "transform",
    "augment",
]


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's kind, its call as help shows it, and its number of unnamed arguments."""

    kind: Kind
    text: str
    arity: int
    options: tuple[str, ...] = ()


FUNCTIONS: dict[str, Signature] = {
    **{name: Signature("elementwise", f"{name}(x)", 1) for name in ELEMENTWISE},
    "sum": Signature("reduction", "sum(x) or sum(mlp.weights, by: out_unit)", 1, ("by",)),
    "mean": Signature("reduction", "mean(x)", 1),
    "std": Signature("reduction", "std(x)", 1),
    "max": Signature("reduction", "max(x)", 1),
    "min": Signature("reduction", "min(x)", 1),
    "cross_entropy": Signature(
        "loss", "cross_entropy(logits, label) or cross_entropy(logits, label, reduce: none)", 2, ("reduce",)
    ),
    "error": Signature("loss", "error(logits, label)", 2, ("reduce",)),
    "squared_error": Signature("loss", "squared_error(prediction, target)", 2, ("reduce",)),
    "huber": Signature("loss", "huber(prediction, target)", 2, ("reduce",)),
    "binary_cross_entropy": Signature("loss", "binary_cross_entropy(logit, target)", 2, ("reduce",)),
    "dense": Signature("dense", "dense(x, units)", 2),
    "expm": Signature("expm", "expm(A)", 1),
    "append": Signature("append", "append(a, b)", 2),
    "neighbours": Signature("neighbours", "neighbours(x, points, labels, width)", 4),
    "mix_tasks": Signature("mix", "mix_tasks(matrix, group)", 2),
    "noise": Signature("noise", "noise(x, standard_deviation)", 2),
    "gaussian_dropout": Signature("noise", "gaussian_dropout(x, rate)", 2),
    "softmax": Signature("softmax", "softmax(x)", 1),
    "range": Signature("range", "range(classes)", 1),
    "flatten": Signature("flatten", "flatten(x)", 1),
    "one_hot": Signature("transform", "one_hot(label) or one_hot(bytes, classes: 256)", 1, ("classes",)),
    "reshape": Signature("transform", "reshape(x, [28, 28])", 2),
    "standardise": Signature("transform", "standardise(x)", 1),
    "rescale": Signature("transform", "rescale(x)", 1),
    "global_contrast": Signature("transform", "global_contrast(x)", 1),
    "whiten": Signature("transform", "whiten(x, 0.1)", 2),
    "flip": Signature("augment", "flip(image)", 1),
    "crop": Signature("augment", "crop(image, margin)", 2),
    "cutout": Signature("augment", "cutout(image, size)", 2),
    "rotate": Signature("augment", "rotate(image, degrees)", 2),
    "jitter": Signature("augment", "jitter(image, amount)", 2),
    "add_noise": Signature("augment", "add_noise(x, standard_deviation)", 2),
    "mixup": Signature("augment", "mixup(x, alpha)", 2),
    "normal": Signature("draw", "normal(standard_deviation)", 1),
    "linspace": Signature("array", "linspace(first, last)", 2),
    "identity": Signature("array", "identity()", 0),
    "inverse_cdf": Signature("draw", "inverse_cdf(bins)", 1),
    "uniform": Signature("draw", "uniform(half_width)", 1),
}
