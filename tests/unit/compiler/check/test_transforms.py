"""Transforms of features that are refused."""

import pytest

import drmadc


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        ("x: real[64] = flatten(crop(image / 16, 1))", "must be applied first"),
        ("x: real[64] = flatten(image) + flatten(flip(image))", "transforms `image` differently"),
        ("x: real[64] = flip(flatten(image))", "`flip` takes images"),
        ("x: real[64] = flatten(crop(image, 0))", "a positive integer"),
        ("x: real[10] = mixup(label, 0.4)", "write `one_hot(label)`"),
        ("x: real[60] = reshape(image, [60])", "cannot reshape byte[8, 8] per example to [60]"),
        ("x: real[64] = whiten(image, 0.1)", "takes a per-example vector"),
        (
            "x: real[64, 3] = one_hot(flatten(image))",
            "takes a label or a column of words; or `classes` and bytes or integers of a file",
        ),
    ],
)
def test_mistakes(feature: str, message: str) -> None:
    text = f"""
data d {{ source = digits()  {feature}  split = {{ train: 40 }} }}
params w: real[2] = [1, 2]
hyper l2: positive = 0.01
train {{ loss = mean(x) + l2 * sum(w ^ 2)  update = sgd(rate: 0.1)  batch = 2  steps = 3 }}
tune {{ minimize = sum(w ^ 2)  update = sgd(rate: 0.1)  steps = 1 }}
"""
    with pytest.raises(drmadc.SpecError) as caught:
        drmadc.compile_text(text)
    assert message in str(caught.value)
    assert len(caught.value.diagnostics) == 1
