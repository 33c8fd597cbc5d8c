# reverse_reversible: the statements that differ from reverse_exact's module

# exact(reversible), reverse_reversible.drm:28
SAVE_POLICY = rt.Reversible(capacity=3, before=("w",), after=("v",))

def step(state, hypers, batch, t):
    """One step of heavy_ball.

    v' = momentum * v - (1 - momentum) * grad
    w' = w + rate * v'
    """
    # reverse_reversible.drm:20
    l2 = hypers["l2"]
    rate = hypers["rate"][t * 2 // STEPS]
    w = state["w"]
    v = state["v"]
    grad = jax.grad(loss)(w, l2, batch)  # reverse_reversible.drm:19
    v_next = 0.8000030517578125 * v - 0.2 * grad
    w_next = w + rate * v_next
    return {"w": w_next, "v": v_next}

def reverse_step(before, after, adjoint, hypers, batch, t):
    """Adjoint of `step`, at the states before and after it.

    d_v = d_v + d_w * rate[t]
    hessian_product = H(w) d_v
    mixed_l2 = (d grad / d l2)^T d_v
    d_w <- d_w - 0.2 * hessian_product
    d_v <- 0.8000030517578125 * d_v
    d_l2 -= 0.2 * mixed_l2
    d_rate += sum(d_w * v')
    """
    l2 = hypers["l2"]
    rate = hypers["rate"][t * 2 // STEPS]
    w = before["w"]
    v_next = after["v"]
    d_w = adjoint["w"]
    d_v = adjoint["v"]
    d_hypers = dict(adjoint["hypers"])
    d_v = d_v + d_w * rate
    # reverse_reversible.drm:19
    _, pull = jax.vjp(lambda w, l2: jax.grad(loss)(w, l2, batch), w, l2)
    hessian_product, mixed_l2 = pull(d_v)
    d_hypers["l2"] -= 0.2 * mixed_l2
    d_rate = rt.tree_sum(d_w * v_next)
    d_hypers["rate"] = d_hypers["rate"].at[t * 2 // STEPS].add(d_rate)
    return {
        "w": d_w - 0.2 * hessian_product,
        "v": 0.8000030517578125 * d_v,
        "hypers": d_hypers,
    }

def kick(w, hypers, batch, t):
    """Decay and kick of each state of heavy_ball.

    v' = decay * v + kick
    """
    # reverse_reversible.drm:20
    l2 = hypers["l2"]
    grad = jax.grad(loss)(w, l2, batch)  # reverse_reversible.drm:19
    return {"v": 0.8000030517578125}, {"v": -0.2 * grad}

def drift(after, hypers, t):
    """How the new states move the parameters.

    w' = w + drift
    """
    # reverse_reversible.drm:20
    rate = hypers["rate"][t * 2 // STEPS]
    v_next = after["v"]
    return rate * v_next

def trained_objective(hypers, outer, data):
    """Outer objective after training; nothing is kept on the way."""
    start, _ = training(hypers, outer, data)
    state, _ = rt.reversible_forward_pass(
        lambda w, t: kick(w, hypers, minibatch(data, outer, t), t),
        lambda after, t: drift(after, hypers, t),
        start,
        STEPS,
        SAVE_POLICY,
    )
    return objective(state["w"], data)

def hypergradient(hypers, outer, data, policy=SAVE_POLICY):
    """Objective and its gradient in the hyperparameters: exact(reversible)."""
    # reverse_reversible.drm:28
    start, forward_step = training(hypers, outer, data)
    state, trajectory = rt.reversible_forward_pass(
        lambda w, t: kick(w, hypers, minibatch(data, outer, t), t),
        lambda after, t: drift(after, hypers, t),
        start,
        STEPS,
        policy,
    )
    # reverse_reversible.drm:27
    value, d_w = jax.value_and_grad(objective)(state["w"], data)
    d_hypers = rt.zeros_like(hypers)
    adjoint = {"w": d_w, "v": rt.zeros_like(d_w), "hypers": d_hypers}

    def reverse_step_at(before, after, adjoint, t):
        batch = minibatch(data, outer, t)
        return reverse_step(before, after, adjoint, hypers, batch, t)

    adjoint = rt.reverse_pass(forward_step, reverse_step_at, trajectory, adjoint)
    growth = rt.growth(adjoint["w"], d_w)
    d_hypers = adjoint["hypers"]
    return rt.Hypergradient(value, d_hypers, growth, state["w"])

PROGRAM = rt.Program(
    name=NAME,
    dtype=DTYPE,
    steps=STEPS,
    confirm=3,
    policy=SAVE_POLICY,
    strategy="exact(reversible)",
    origins=rt.Origins(
        loss="reverse_reversible.drm:19",
        step="reverse_reversible.drm:20",
        objective="reverse_reversible.drm:27",
        reverse="reverse_reversible.drm:28",
    ),
    domains=DOMAINS,
    initial_hypers=initial_hypers,
    init=init,
    loss=loss,
    step=step,
    objective=objective,
    training=training,
    training_loss=training_loss,
    trained_objective=trained_objective,
    hypergradient=hypergradient,
    objective_at=objective_at,
    data=DATA,
    features=features,
    predict=rt.Prediction(
        predict, kind="classes", fields={"image": "byte[28, 28]"}, label="label"
    ),
    evaluation=rt.Evaluation(
        outputs, metrics, fields={"image": "byte[28, 28]", "label": "class[10]"}
    ),
    stages=(
        rt.Stage(
            steps=TUNE_STEPS,
            origin="reverse_reversible.drm:29",
            initial_state=initial_tune_state,
            step=tune_step,
        ),
    ),
)
