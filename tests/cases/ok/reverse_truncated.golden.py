# reverse_truncated: the statements that differ from reverse_exact's module

# truncated(steps: 4), reverse_truncated.drm:28
SAVE_POLICY = rt.Store(last=4, before=("w",), after=("v",))

def hypergradient(hypers, outer, data, policy=SAVE_POLICY):
    """Objective and its gradient in the hyperparameters: truncated(steps: 4)."""
    # reverse_truncated.drm:28
    start, forward_step = training(hypers, outer, data)
    state, trajectory = policy.forward(forward_step, start, STEPS)
    # reverse_truncated.drm:27
    value, d_w = jax.value_and_grad(objective)(state["w"], data)
    d_hypers = rt.zeros_like(hypers)
    adjoint = {"w": d_w, "v": rt.zeros_like(d_w), "hypers": d_hypers}

    def reverse_step_at(before, after, adjoint, t):
        batch = minibatch(data, outer, t)
        return reverse_step(before, after, adjoint, hypers, batch, t)

    adjoint = rt.reverse_pass(forward_step, reverse_step_at, trajectory, adjoint)
    growth = rt.growth(adjoint["w"], d_w)
    d_hypers = adjoint["hypers"]
    return rt.Hypergradient(value, d_hypers, growth, state["w"], trajectory)

PROGRAM = rt.Program(
    name=NAME,
    dtype=DTYPE,
    steps=STEPS,
    confirm=3,
    policy=SAVE_POLICY,
    strategy="truncated(steps: 4)",
    origins=rt.Origins(
        loss="reverse_truncated.drm:19",
        step="reverse_truncated.drm:20",
        objective="reverse_truncated.drm:27",
        reverse="reverse_truncated.drm:28",
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
            origin="reverse_truncated.drm:29",
            initial_state=initial_tune_state,
            step=tune_step,
        ),
    ),
)
