# reverse_last: the statements that differ from reverse_exact's module

# last(), reverse_last.drm:28
SAVE_POLICY = rt.Store(last=1, before=("w",), after=("v",))

LINES = {
    "loss": "reverse_last.drm:19: cross_entropy(mlp(x), y) + sum(l2 * mlp.weights ^ 2)",
    "update": "reverse_last.drm:20: heavy_ball",
    "objective": "reverse_last.drm:27: cross_entropy(mlp(x), y) on valid",
    "reverse": "reverse_last.drm:28: last()",
    "strategy": "last()",
    "tune": "reverse_last.drm:29: sign",
}

def hypergradient(hypers, outer, data, policy=SAVE_POLICY):
    """Objective and its gradient in the hyperparameters: last()."""
    # reverse_last.drm:28
    start, forward_step = training(hypers, outer, data)
    state, trajectory = rt.forward_pass(forward_step, start, STEPS, policy)
    value, d_w = jax.value_and_grad(objective)(state["w"], data)  # reverse_last.drm:27
    d_hypers = rt.zeros_like(hypers)
    adjoint = {"w": d_w, "v": rt.zeros_like(d_w), "hypers": d_hypers}

    def reverse_step_at(before, after, adjoint, t):
        batch = minibatch(data, outer, t)
        return reverse_step(before, after, adjoint, hypers, batch, t)

    adjoint = rt.reverse_pass(forward_step, reverse_step_at, trajectory, adjoint)
    growth = rt.growth(adjoint["w"], d_w)
    d_hypers = adjoint["hypers"]
    return rt.Hypergradient(value, d_hypers, growth, state["w"], trajectory)
