"""Products with the Hessian of the training loss at one point, on a large minibatch of their own."""

from drmadc.compiler.lower.data import augmentation, gathered, rows_batch, whole_batch
from drmadc.compiler.lower.expressions import draw_number
from drmadc.compiler.lower.forward import data_argument, hyper_reads, loss_arguments
from drmadc.compiler.lower.names import hyper_name
from drmadc.compiler.passes.dependence import function_hypers
from drmadc.ir.program import Program
from drmadc.target import tree as py
from drmadc.target.build import call


def large_minibatch_function(program: Program, batch: int) -> list[py.Statement]:
    """large_minibatch(data, outer, i): the examples of one curvature product"""
    if not program.batched:
        return []
    size = program.examples
    names = (*(("data",) if program.data is not None else ()), "outer", "i")
    params = tuple((name, None) for name in names)
    step = py.Operator("+", py.Id("STEPS"), py.Id("i"))
    draw = augmentation(program, step)
    if not batch or batch >= size:
        doc = "The whole train split, for products with the Hessian."
        every = call("jnp.arange", py.Literal(size)) if program.batch else None
        if program.streamed and every is not None:
            rows_ = py.Assign((py.Id("rows"),), every)
            body = (rows_, *draw, py.Return(rows_batch(program, gathered(program), step)))
            return [py.Function("large_minibatch", params, doc, body)]
        return [py.Function("large_minibatch", params, doc, (*draw, py.Return(whole_batch(program, every, step))))]
    rows = call("rt.draw_rows", py.Id("SEED"), draw_number(program), step, py.Literal(batch), py.Literal(size))
    body = (
        py.Assign((py.Id("rows"),), rows),
        *draw,
        py.Return(rows_batch(program, gathered(program), step)),
    )
    doc = f"{batch} examples for the products of segment i: a function of (seed, outer, i)."
    return [py.Function("large_minibatch", params, doc, body)]


def large_minibatch(program: Program, i: py.Expr) -> tuple[py.Expr, ...]:
    """large_minibatch(data, outer, i), where the loss reads a minibatch."""
    if not program.batched:
        return ()
    return (call("large_minibatch", *data_argument(program), py.Id("outer"), i),)


def curvature_function(program: Program) -> py.Function:
    """curvature(w, hypers, batch)"""
    names = function_hypers(program, program.loss)
    locals_ = [hyper_name(program, n) for n in names]
    body = hyper_reads(program, names, at_step=False)
    gradient = py.Call(call("jax.grad", py.Id("loss")), loss_arguments(program, py.Id("w")))
    function = py.Lambda(("w", *locals_), gradient)
    vjp = call("jax.vjp", function, py.Id("w"), *(py.Id(n) for n in locals_))
    body.append(py.Assign((py.Id("_"), py.Id("pull")), vjp, program.loss.origin))
    targets: list[py.Expr] = [py.Id("hessian_product"), *(py.Id(f"mixed_{n}") for n in locals_)]
    if len(targets) == 1:
        targets = [py.Tuple((targets[0],))]
    mixed = py.Dict(tuple((py.Literal(n), py.Id(f"mixed_{hyper_name(program, n)}")) for n in names))
    product = py.Function(
        "product",
        (("direction", None),),
        "",
        (
            py.Assign(tuple(targets), call("pull", py.Id("direction"))),
            py.Return(py.Tuple((py.Id("hessian_product"), mixed))),
        ),
    )
    batch = ("batch",) if program.batched else ()
    params = tuple((p, None) for p in ("w", "hypers", *batch))
    doc = "The map direction -> (H(w) direction, (d grad / d hyper)^T direction) at one point."
    return py.Function("curvature", params, doc, (*body, product, py.Return(py.Id("product"))))
