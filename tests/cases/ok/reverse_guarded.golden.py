# reverse_guarded: the statements that differ from reverse_exact's module

# drmad(knots: 3, curvature: auto, progress: on), reverse_guarded.drm:28
SAVE_POLICY = rt.Knots(count=3, progress=True, before=("w",), after=("v",))

def model_outputs(params, batch):
    """What the loss reads of the model."""  # reverse_guarded.drm:19
    return mlp(params, batch["x"])

def loss_of_outputs(outputs, params, l2, batch):
    """Training loss: cross_entropy(mlp(x), y) + sum(l2 * mlp.weights ^ 2)."""
    # reverse_guarded.drm:19
    weights = rt.select(params, WEIGHTS)
    penalty = rt.tree_sum(rt.broadcast(l2, IN_UNIT_OF_WEIGHTS) * weights**2)
    return rt.cross_entropy(outputs, batch["y"]) + penalty

def loss(params, l2, batch):
    """Training loss: cross_entropy(mlp(x), y) + sum(l2 * mlp.weights ^ 2)."""
    return loss_of_outputs(model_outputs(params, batch), params, l2, batch)

def reverse_step_gauss_newton(before, after, adjoint, hypers, batch, t):
    """Adjoint of `step`, at the states before and after it, with the Gauss-Newton
    matrix G in place of the Hessian.

    d_v = d_v + d_w * rate[t]
    hessian_product = G(w) d_v
    mixed_l2 = (d grad / d l2)^T d_v
    d_w <- d_w - 0.2 * hessian_product
    d_v <- 0.8 * d_v
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
    # reverse_guarded.drm:19
    hessian_product, mixed_l2 = rt.gauss_newton(
        lambda w: model_outputs(w, batch),
        lambda outputs, w, l2: loss_of_outputs(outputs, w, l2, batch),
        w,
        d_v,
        l2,
    )
    d_hypers["l2"] -= 0.2 * mixed_l2
    d_rate = rt.tree_sum(d_w * v_next)
    d_hypers["rate"] = d_hypers["rate"].at[t * 2 // STEPS].add(d_rate)
    return {"w": d_w - 0.2 * hessian_product, "v": 0.8 * d_v, "hypers": d_hypers}

def hypergradient(hypers, outer, data, policy=SAVE_POLICY):
    """Objective and its gradient in the hyperparameters: drmad(knots: 3, curvature:
    auto, progress: on).
    """
    # reverse_guarded.drm:28
    start, forward_step = training(hypers, outer, data)
    state, trajectory = policy.forward(forward_step, start, STEPS)
    # reverse_guarded.drm:27
    value, d_w = jax.value_and_grad(objective)(state["w"], data)
    d_hypers = rt.zeros_like(hypers)
    adjoint = {"w": d_w, "v": rt.zeros_like(d_w), "hypers": d_hypers}

    def reverse_step_at(before, after, adjoint, t):
        batch = minibatch(data, outer, t)
        return reverse_step(before, after, adjoint, hypers, batch, t)

    def gauss_newton_step_at(before, after, adjoint, t):
        batch = minibatch(data, outer, t)
        return reverse_step_gauss_newton(before, after, adjoint, hypers, batch, t)

    adjoint, fallback_step = rt.guarded_reverse_pass(
        forward_step, reverse_step_at, gauss_newton_step_at, trajectory, adjoint
    )
    growth = rt.growth(adjoint["w"], d_w)
    d_hypers = adjoint["hypers"]
    return rt.Hypergradient(
        value,
        d_hypers,
        growth,
        state["w"],
        trajectory,
        stats={"fallback_step": fallback_step},
    )

PROGRAM = rt.Program(
    name=NAME,
    dtype=DTYPE,
    steps=STEPS,
    confirm=3,
    policy=SAVE_POLICY,
    strategy="drmad(knots: 3, curvature: auto, progress: on)",
    origins=rt.Origins(
        loss="reverse_guarded.drm:19",
        step="reverse_guarded.drm:20",
        objective="reverse_guarded.drm:27",
        reverse="reverse_guarded.drm:28",
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
            origin="reverse_guarded.drm:29",
            initial_state=initial_tune_state,
            step=tune_step,
        ),
    ),
)
