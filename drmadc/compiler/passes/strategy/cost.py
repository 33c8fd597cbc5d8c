"""The figures of a program from which strategies predict memory and work, from the IR's shapes.

Work counts floating-point operations of matrix products, and every pass over an array as `PASS` operations for each
element: on a CPU core at full vector width a product does that many in the time that an element takes to be read,
changed and written. Both are predictions for one device; `benchmarks/strategies.py` compares them with it.
"""

from dataclasses import dataclass
from math import prod

from drmadc.compiler.passes.chunks import chunks
from drmadc.ir import nodes as ir
from drmadc.ir.program import Function, Let, Model, Program
from drmadc.ir.types import Array, Tree
from drmadc.language.registry import ELEMENTWISE, LAYERS
from drmadc.language.shapes import example_size
from drmadc.language.strategies.base import Strategy, strategy_of
from drmadc.language.strategies.facts import Figures

PASS = 20.0
SLOW = 4.0
CACHE = 500_000  # numbers
FIXED = 60_000.0


@dataclass(frozen=True, slots=True)
class Cost:
    """Predicted peak memory in bytes beyond the data and the hyperparameters, and work in training runs."""

    memory: float
    work: float


@dataclass(frozen=True, slots=True)
class Network:
    """What one example costs in a function: products of the first layers and the later ones, numbers written."""

    first: float
    later: float
    elements: float
    features: float
    widest: float

    def gradient(self, examples: int) -> float:
        """Operations of value and gradient; the first layer's input needs none."""
        return examples * (4 * self.first + 6 * self.later + PASS * (3 * self.elements + self._reading(examples)))

    def product(self, examples: int) -> float:
        """Operations of a Hessian-vector product, from the vector-Jacobian product of the gradient."""
        return examples * (6.5 * self.first + 17 * self.later + PASS * (9 * self.elements + self._reading(examples)))

    def gauss_newton(self, examples: int) -> float:
        """Operations of a product with J^T H J."""
        return examples * (6.5 * self.first + 9 * self.later + PASS * (6 * self.elements + self._reading(examples)))

    def _reading(self, examples: int) -> float:
        """Elements of the features; those that leave the cache count several times."""
        return self.features * (5 if examples * self.features > CACHE else 1)

    def bytes(self, examples: int, item: int) -> float:
        """Memory of value and gradient: features, every layer's result, and the widest adjoint twice."""
        return examples * item * (self.features + self.elements + 2 * self.widest)

    def product_bytes(self, examples: int, item: int) -> float:
        """Memory of a product with the Hessian: features, and seven arrays for every layer's results."""
        return examples * item * (self.features + 7.25 * self.elements)


def cost(program: Program, strategy: Strategy | None = None) -> Cost:
    """The cost of a hypergradient (training, objective, reverse pass) by a strategy; by default the program's own."""
    known, strategy = figures(program), strategy or strategy_of(program)
    return Cost(strategy.memory(known), strategy.work(known))


def item_size(program: Program) -> int:
    """Bytes of a number."""
    return 8 if program.precision == "float64" else 4


def parameter_count(program: Program) -> int:
    """Number of trained numbers."""
    return sum(prod(p.full_shape) for p in program.parameters)


def hyper_count(program: Program) -> int:
    """Number of hyperparameters, each entry counted."""
    return sum(prod(h.shape) for h in program.hypers)


def figures(program: Program) -> Figures:
    """The figures of a program whose adjoint has been derived."""
    adjoint = program.adjoint
    assert adjoint is not None
    elements, item = parameter_count(program), item_size(program)
    batch = _examples(program, program.batch)
    loss = _network(program, program.loss)
    penalty = _penalty_passes(program.loss)
    lets = (*adjoint.recomputed, *adjoint.statements, *adjoint.states, *adjoint.hypers)
    back = PASS * elements * (2 * penalty + _passes(lets)) + FIXED
    return Figures(
        steps=program.steps,
        state=elements * item * (1 + len(program.step.states)),
        row=elements * item * len({*adjoint.before, *adjoint.after}),
        weights=elements * item,
        item=item,
        parameters=len(program.parameters),
        hypers=hyper_count(program),
        objective=_objective_bytes(program),
        step=_step_bytes(program),
        train=loss.gradient(batch) + PASS * elements * (penalty + _passes(program.step.equations)) + FIXED,
        reverse=loss.product(batch) + back,
        gauss_newton=loss.gauss_newton(batch) + back,
        start=_objective_work(program),
        touch=PASS * elements,
        loss=loss,
        split=program.examples,
        tasks=_tasks(program),
        before=frozenset(adjoint.before),
        after=frozenset(adjoint.after),
    )


def _tasks(program: Program) -> int:
    """Tasks that share a minibatch; 1 without."""
    return max(1, program.data.tasks) if program.data is not None and program.learned is None else 1


def _examples(program: Program, batch: int) -> int:
    """Examples of a minibatch; 0 is the whole train split."""
    return (batch or program.examples) * _tasks(program)


def _network(program: Program, function: Function) -> Network:
    """Sizes of what a function computes for each example."""
    first = later = elements = features = widest = 0.0
    for expr in (*(let.value for let in function.lets), function.value):
        for model in _called(program, expr):
            inputs = {name for name, _ in model.inputs}
            if not features:
                features = sum(float(example_size(type_)) for _, type_ in model.inputs)
            for value in (*(let.value for let in model.lets), model.value):
                for inner in ir.walk(value):
                    if isinstance(inner, ir.Layer):
                        work = LAYERS[inner.kind].work(inner)
                        if all(isinstance(x, ir.Name) and x.id in inputs for x in inner.args):
                            first += work.products
                        else:
                            later += work.products
                        elements += work.elements
                        widest = max(widest, work.elements)
    return Network(first, later, elements, features, widest)


def _called(program: Program, expr: ir.Expr) -> list[Model]:
    """The models that an expression calls, and those that they call, once for each call."""
    out: list[Model] = []
    for node in ir.walk(expr):
        if isinstance(node, ir.Apply):
            model = program.model(node.model)
            out.append(model)
            for value in (*(let.value for let in model.lets), model.value):
                out += _called(program, value)
    return out


def _passes(lets: tuple[Let, ...]) -> float:
    """Passes over the parameters that equations make: arrays read and written; slow functions count more."""
    count = 0.0
    for let in lets:
        nodes = ir.walk(let.value)
        trees = {n.id for n in nodes if isinstance(n, ir.Name) and isinstance(n.type, Tree)}
        slow = sum(1 for n in nodes if isinstance(n.type, Tree) and _is_slow(n))
        count += len(trees) + (1 if trees else 0) + SLOW * slow
    return count


def _is_slow(node: ir.Expr) -> bool:
    """Whether an elementwise node takes several times as long as an addition."""
    match node:
        case ir.Unary(op):
            return op != "neg" and ELEMENTWISE[op].slow
        case ir.Binary("/"):
            return True
        case ir.Binary("^", _, ir.Const(power)):
            return power not in (1.0, 2.0)
        case ir.Binary("^"):
            return True
        case _:
            return False


def _penalty_passes(function: Function) -> int:
    """Passes over the parameters that terms outside the model make, counted by their nodes."""
    nodes = [n for n in ir.walk(function.value) if not isinstance(n.type, Array)]
    return min(6, len(nodes))


def _objective_examples(program: Program) -> dict[str, int]:
    """Examples of each split that the objective is taken on."""
    if program.data is None:
        return {"": 1}
    values = (*(let.value for let in program.objective.lets), program.objective.value)
    splits = {n.split for v in values for n in ir.walk(v) if isinstance(n, ir.OnSplit)}
    tasks = max(1, program.data.tasks)
    return {split: program.data.size_of(split) * tasks for split in sorted(splits)}


def _objective_work(program: Program) -> float:
    network = _network(program, program.objective)
    return sum(network.gradient(n) for n in _objective_examples(program).values()) + PASS * parameter_count(program)


def _objective_bytes(program: Program) -> float:
    """Memory of the objective's gradient; of a piece, where a split is gone through in pieces."""
    network = _network(program, program.objective)
    cut = chunks(program)
    sizes = [n // cut.get(split, 1) for split, n in _objective_examples(program).items()]
    totals = 2 * parameter_count(program) if cut else 0
    return sum(network.bytes(n, item_size(program)) for n in sizes) + totals * item_size(program)


def _step_bytes(program: Program) -> float:
    """Memory of one reverse step: twice the gradient's, and a few copies of the parameters."""
    network = _network(program, program.loss)
    small = 2 * network.bytes(_examples(program, program.batch), item_size(program))
    return small + 5 * parameter_count(program) * item_size(program)
