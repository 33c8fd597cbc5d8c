# reverse_reversible: the statements that differ from reverse_exact's module

# exact(reversible), reverse_reversible.drm:28
SAVE_POLICY = rt.Reversible(capacity=3, before=("w",), after=("v",))

def kick(w, hypers, batch, t):
    """Decay and kick of each state of heavy_ball.

    v' = decay * v + kick
    """
    # reverse_reversible.drm:20
    l2 = hypers["l2"]
    grad = jax.grad(loss)(w, l2, batch)  # reverse_reversible.drm:19
    return {"v": 0.8}, {"v": -0.2 * grad}

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
