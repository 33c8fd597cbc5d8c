"""Exported models: NumPy alone, or jax.export, gives what `predict` gives; twins are what they are twins of."""

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

import drmadc
import drmadc_runtime as rt
from drmadc.cli.main import cli
from drmadc.language.registry import ELEMENTWISE
from drmadc.tools.export.forms import export_model
from drmadc.tools.export.numpy_source import NoTwin, in_numpy
from drmadc_runtime.nn import in_numpy as twins
from drmadc_runtime.run.model import Model
from tests.unit.cli.test_predict import NEW, PEOPLE, TABLE, people

DIGITS = """
data digits {
  source = digits()
  image: real[8, 8] = IMAGE
  y: class[10] = label
  split  = { train: 100, valid: 50, test: 30 }
}
MODEL
hyper l2: positive = 0.01
train {
  init   = { weights: normal(0.2), biases: normal(0.1) }
  loss   = cross_entropy(net(image), y) + l2 * sum(params ^ 2)
  update = sgd(rate: 0.1)
  batch  = 10
  steps  = 5
}
tune { minimize = cross_entropy(net(image), y) on valid  update = sgd(rate: 0.1)  steps = 1  confirm = 0 }
"""
PLAIN = """
model net(x: real[8, 8]) -> real[10] {
  h1 = ACTIVATION(dense(flatten(x), 7))
  return dense(noise(h1, 0.1), 10)
}
"""
SCALED = """
hyper scale: positive[layer of mlp.weights] = 1.5
hyper turn: real[64, 64] = normal(0.1)
model mlp(x: real[64]) -> real[10] {
  h1 = tanh(dense(x, 7))
  return softmax(dense(h1, 10))
}
model net(x: real[8, 8]) -> real[10] {
  return mlp(flatten(x) @ expm(turn)) with { weights: scale * mlp.weights }
}
"""
WITHOUT = """
import sys

class Barred:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("jax", "jaxlib", "drmadc", "drmadc_runtime", "drmadc_common", "scipy", "numba"):
            raise ImportError(f"{name} is barred")

sys.meta_path.insert(0, Barred())
"""


def assert_linted(path: Path) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--isolated", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def exported(model: Model, text: str, folder: Path, form: str = "model") -> Path:
    for name, data in export_model(model, text, form).items():
        (folder / name).write_bytes(data)
    return folder


def in_numpy_alone(folder: Path, code: str) -> Any:
    """What a program says that can import neither JAX nor drmadc."""
    (folder / "main.py").write_text(f"{WITHOUT}\nimport json\nimport numpy as np\n{code}\n", encoding="utf-8")
    command = [sys.executable, "main.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run on a table with missing values and words."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        people(folder / "people.csv", "age,plan,churn", PEOPLE)
        people(folder / "new.csv", "age,plan", NEW)
        (folder / "churn.drm").write_text(TABLE, encoding="utf-8")
        drmadc.compile_file("churn.drm").run("run", quiet=True)
    return folder


def command(home: Path, monkeypatch: pytest.MonkeyPatch, *args: str) -> str:
    monkeypatch.chdir(home)
    done = CliRunner().invoke(cli, args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_module_gives_what_predict_writes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(home, monkeypatch, "predict", "run", "--data", "new.csv", "-o", "out.npz")
    output = command(home, monkeypatch, "export", "run", "--to", "model")
    assert output.splitlines() == ["run/export/churn_model.py", "run/export/churn_model.npz"]
    ages, plans = zip(*NEW, strict=True)
    found = in_numpy_alone(
        home / "run" / "export",
        "from churn_model import predict\n"
        f"found = predict({{'age': np.array({list(ages)!r}, float), 'plan': {list(plans)!r}}})\n"
        "print(json.dumps({name: x.tolist() for name, x in found.items()}))",
    )
    with np.load(home / "out.npz") as file:
        expected = {name: file[name] for name in file.files}
    np.testing.assert_allclose(found["p"], expected["p"], atol=1e-6, rtol=0)
    assert found["label"] == expected["label"].tolist()
    assert found["class"] == expected["class"].tolist()
    assert np.ptp(expected["p"][:, 0]) > 0.01
    assert_linted(home / "run" / "export" / "churn_model.py")


@pytest.mark.parametrize(
    ("image", "model"),
    [
        ("global_contrast(image)", PLAIN.replace("ACTIVATION", "gelu")),
        ("reshape(whiten(flatten(image / 16), 0.1), [8, 8])", PLAIN.replace("ACTIVATION", "softplus")),
        ("rescale(image)", SCALED),
    ],
)
def test_models_of_every_kind_agree_with_run_model(image: str, model: str, tmp_path: Path) -> None:
    program = drmadc.compile_text(DIGITS.replace("IMAGE", image).replace("MODEL", model), "digits.drm")
    run = program.run(tmp_path / "run", quiet=True).model()
    pictures = np.random.default_rng(0).integers(0, 17, (9, 8, 8)).astype(np.uint8)
    np.save(tmp_path / "new.npy", pictures)
    exported(run, program.python, tmp_path)
    found = in_numpy_alone(
        tmp_path,
        "from digits_model import outputs\n"
        f"print(json.dumps(outputs({{'image': np.load({str(tmp_path / 'new.npy')!r})}}).tolist()))",
    )
    expected = run({"image": pictures})
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(found, expected, atol=5e-6, rtol=1e-6)
    assert_linted(tmp_path / "digits_model.py")


def test_a_module_says_what_is_wrong_with_its_fields(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(home, monkeypatch, "export", "run", "--to", "model", "--out", "apart")
    calls = {
        "{'age': [3.0]}": "no field or column 'plan'",
        "{'age': [3.0], 'plan': [None]}": "plan: 1 missing values",
        "{'age': [[3.0]], 'plan': ['gold']}": "age: each example has shape [1], expected []",
    }
    lines = ["from churn_model import predict", "said = []"]
    for fields in calls:
        lines += ["try:", f"    predict({fields})", "except ValueError as error:", "    said.append(str(error))"]
    assert in_numpy_alone(home / "apart", "\n".join([*lines, "print(json.dumps(said))"])) == list(calls.values())


def test_a_module_reads_a_word_that_training_did_not_have_as_predict_does(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "unseen.csv").write_text("age,plan\n30,lead\n30,gold\n", encoding="utf-8")
    command(home, monkeypatch, "export", "run", "--to", "model", "--out", "apart2")
    command(home, monkeypatch, "predict", "run", "--data", "unseen.csv", "-o", "unseen.npz")
    call = "print(json.dumps(predict({'age': [30.0, 30.0], 'plan': ['lead', 'gold']})['p'].tolist()))"
    found = in_numpy_alone(home / "apart2", f"from churn_model import predict\n{call}")
    with np.load(home / "unseen.npz") as expected:
        np.testing.assert_allclose(found, expected["p"], rtol=1e-4)
    assert found[0] != found[1]


def test_jax_export_gives_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("flatbuffers")
    from jax import export

    command(home, monkeypatch, "predict", "run", "--data", "new.csv", "-o", "out.npz")
    assert command(home, monkeypatch, "export", "run", "--to", "jax") == "run/export/churn_model.jax\n"
    model = export.deserialize(bytearray((home / "run" / "export" / "churn_model.jax").read_bytes()))
    ages, plans = zip(*NEW, strict=True)
    words = ("basic", "gold", "silver")
    with np.load(home / "out.npz") as file:
        expected = file["p"]
    for count in (5, 3):
        fields = {
            "age": np.array(ages[:count], np.float32),
            "plan": np.array([words.index(plan) for plan in plans[:count]], np.int32),
        }
        np.testing.assert_allclose(jax.nn.softmax(model.call(fields)), expected[:count], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Explicitly requested dtype")
def test_onnx_gives_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("jax2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    command(home, monkeypatch, "predict", "run", "--data", "new.csv", "-o", "out.npz")
    assert command(home, monkeypatch, "export", "run", "--to", "onnx") == "run/export/churn_model.onnx\n"
    session = onnxruntime.InferenceSession(home / "run" / "export" / "churn_model.onnx")
    ages, plans = zip(*NEW, strict=True)
    words = ("basic", "gold", "silver")
    fields = {"age": np.array(ages, np.float32), "plan": np.array([words.index(p) for p in plans], np.int32)}
    (found,) = session.run(None, fields)
    with np.load(home / "out.npz") as file:
        np.testing.assert_allclose(jax.nn.softmax(found), file["p"], atol=1e-6)


def test_a_package_that_is_not_installed_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    done = CliRunner().invoke(cli, ["export", "run", "--to", "onnx"], catch_exceptions=False)
    assert done.exit_code == 3
    assert done.output == "jax2onnx is not installed: pip install 'drmadc[onnx]'\n"


def test_what_numpy_does_not_have_is_refused() -> None:
    text = "def helper(x):\n    return jax.lax.conv(x)\n\n\ndef predict(x):\n    return helper(x)\n"
    with pytest.raises(NoTwin, match=r"jax\.lax\.conv"):
        in_numpy(text, inspect.getsource(twins), "predict", {})
    with pytest.raises(NoTwin, match=r"rt\.conv"):
        in_numpy(text.replace("jax.lax", "rt"), inspect.getsource(twins), "predict", {})


def test_names_in_texts_and_comments_stay() -> None:
    text = 'def predict(x):\n    """rt.flatten and predict."""  # rt.flatten\n    return rt.flatten(x) + jnp.pi\n'
    found = in_numpy(text, inspect.getsource(twins), "predict", {"predict": "_forward"})
    assert found.endswith(
        'def _forward(x):\n    """rt.flatten and predict."""  # rt.flatten\n    return _flatten(x) + np.pi'
    )


def random(*shape: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=shape)


CALLS: dict[str, tuple[Any, ...]] = {
    "standardise": (random(4, 3), random(3), np.array([0.0, 1, 2])),
    "rescale": (random(4, 3), np.array([0.0, 1, 2]), np.array([0.0, 3, 4])),
    "whiten": (random(4, 3), random(3), random(3, 3)),
    "global_contrast": (np.concatenate([random(4, 3, 2), np.ones((1, 3, 2))]),),
    "concat": (random(4, 3), random(4)),
    "one_hot": (np.array([[0, 2], [1, -1]]), 3, "float64"),
    "fill_missing": (np.array([1.0, twins.MISSING, 3]), 2.5),
    "is_missing": (np.array([1, -1]), "float64"),
    "flatten": (random(4, 3, 2),),
    "expm": (3 * random(5, 5),),
    "part": (random(7), 2, 5),
    "noise": (random(3), 0.1, None, 0),
    "gaussian_dropout": (random(3), 0.1, None, 0),
    "softmax": (random(4, 3), 0),
}


@pytest.mark.parametrize("name", CALLS)
def test_twins_are_what_they_are_twins_of(name: str) -> None:
    with jax.enable_x64(True):
        arguments = [jnp.asarray(x) if isinstance(x, np.ndarray) else x for x in CALLS[name]]
        expected = getattr(jax.nn if name == "softmax" else rt, name)(*arguments)
        np.testing.assert_allclose(getattr(twins, name)(*CALLS[name]), expected, rtol=1e-12, atol=1e-14)


def test_every_elementwise_function_has_a_twin() -> None:
    x = np.abs(random(50)) + 0.1
    x[::2] *= -1
    for op in ELEMENTWISE.values():
        own = np.abs(x) if op.name in ("log", "sqrt") else x
        text = f"def predict(x):\n    return {op.code}(x)\n"
        names: dict[str, Any] = {}
        exec("import math\nimport numpy as np\n" + in_numpy(text, inspect.getsource(twins), "predict", {}), names)
        expected = [op.value(entry) for entry in own.tolist()]
        np.testing.assert_allclose(names["predict"](own), expected, rtol=1e-12, atol=1e-15)


def test_twins_of_trees_are_trees() -> None:
    arrays = {"a": random(3, 2), "b": random(2)}
    layout = {"a": (0, (3, 1)), "b": (3, ())}
    values = random(4)
    with jax.enable_x64(True):
        tables = [make.Layout(4, {n: make.At(*at) for n, at in layout.items()}) for make in (twins, rt)]
        found, expected = (
            make.join(
                make.Tree(arrays), make.tree_map(np.exp, 2 * make.Tree(arrays) - 1) / make.broadcast(x, table) ** 2
            )
            for make, x, table in zip((twins, rt), (values, jnp.asarray(values)), tables, strict=True)
        )
        for name in arrays:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12)
        np.testing.assert_allclose(twins.tree_sum(found), rt.tree_sum(expected), rtol=1e-12)
        np.testing.assert_allclose(twins.reduce(np.max, found), rt.reduce(jnp.max, expected), rtol=1e-12)
        shapes = {"a": (3, 2), "b": (2,)}
        wide = twins.tree_broadcast(twins.broadcast(values, tables[0]), shapes)
        assert {name: x.shape for name, x in wide.items()} == shapes
        assert list(twins.select(found, ["b"])) == ["b"]
