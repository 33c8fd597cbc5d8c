# reverse_flow: the statements that differ from reverse_exact's module

# flow(knots: 5, segments: 4, products: 16, batch: 100), reverse_flow.drm:28
SAVE_POLICY = rt.FlowKnots(count=5, before=("w",), after=("v",))

def large_minibatch(data, outer, i):
    """100 examples for the products of segment i: a function of (seed, outer, i)."""
    rows = rt.draw_rows(SEED, outer, STEPS + i, 100, 200)
    return features(rt.take(data["train"], rows))

def curvature(w, hypers, batch):
    """The map direction -> (H(w) direction, (d grad / d hyper)^T direction) at one
    point.
    """
    l2 = hypers["l2"]
    # reverse_flow.drm:19
    _, pull = jax.vjp(lambda w, l2: jax.grad(loss)(w, l2, batch), w, l2)

    def product(direction):
        hessian_product, mixed_l2 = pull(direction)
        return hessian_product, {"l2": mixed_l2}

    return product

def flow_rule(hypers, t):
    """heavy_ball as a flow: learning rate, momentum and kick of

    v' = momentum * v - kick * grad
    w' = w + rate * v'
    """
    # reverse_flow.drm:20
    rate = hypers["rate"][t * 2 // STEPS]
    return rate, 0.8, 0.2

def hypergradient(hypers, outer, data, policy=SAVE_POLICY):
    """Objective and its gradient in the hyperparameters: flow(knots: 5, segments: 4,
    products: 16, batch: 100).
    """
    # reverse_flow.drm:28
    start, forward_step = training(hypers, outer, data)
    state, trajectory = policy.forward(forward_step, start, STEPS)
    value, d_w = jax.value_and_grad(objective)(state["w"], data)  # reverse_flow.drm:27
    d_hypers = rt.zeros_like(hypers)
    adjoint = {"w": d_w, "v": rt.zeros_like(d_w), "hypers": d_hypers}
    adjoint = rt.flow_reverse_pass(
        lambda w, i: curvature(w, hypers, large_minibatch(data, outer, i)),
        flow_rule,
        trajectory,
        adjoint,
        hypers,
        segments=4,
        count=4,
    )
    growth = rt.growth(adjoint["w"], d_w)
    d_hypers = adjoint["hypers"]
    return rt.Hypergradient(value, d_hypers, growth, state["w"], trajectory)

PROGRAM = rt.Program(
    name=NAME,
    dtype=DTYPE,
    steps=STEPS,
    confirm=3,
    policy=SAVE_POLICY,
    strategy="flow(knots: 5, segments: 4, products: 16, batch: 100)",
    origins=rt.Origins(
        loss="reverse_flow.drm:19",
        step="reverse_flow.drm:20",
        objective="reverse_flow.drm:27",
        reverse="reverse_flow.drm:28",
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
            origin="reverse_flow.drm:29",
            initial_state=initial_tune_state,
            step=tune_step,
        ),
    ),
)
