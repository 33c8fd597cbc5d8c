"""One line for every setting and axis, as an editor shows it; the language reference says more."""

SETTINGS: dict[str, dict[str, str]] = {
    "data": {
        "source": 'where examples come from: mnist(), digits(), csv("t.csv", x: [a, b], kind: c), npz("a.npz"), ...',
        "split": "sizes or fractions of the splits: { train: 0.7, valid: 0.15, test: 0.15 }",
        "stratify": "a label whose classes have the same share in every split",
        "balance": "a label whose classes are equally frequent in every split",
        "folds": "a number: the valid split of an outer step is one fold of train and valid together",
        "resample": "`each outer` redraws the splits for every outer step; `each run` (default) once",
        "feed": "`resident`: the train split lies on the device; `streamed`: it comes from the host in blocks",
    },
    "train": {
        "loss": "one number; data is that of the minibatch",
        "update": "an update rule, such as momentum(rate: rate, momentum: 0.9)",
        "steps": "number of training steps",
        "batch": "examples of a minibatch, or `all`",
        "accumulate": "number of equal parts in which a minibatch is processed",
        "sampling": "with_replacement (default), without_replacement or cyclic",
        "init": "initial values by group: { weights: he, biases: 0 }; what is left out starts as its layer says",
        "data": "the learned training set, where there is one",
        "resample": "`each outer` (default): initial values and minibatches are redrawn for each outer step",
        "seed": "an integer, default 0",
        "precision": "float32 (default) or float64",
    },
    "tune": {
        "minimize": "the outer objective after training: one number, such as a loss `on valid`",
        "reverse": "the hypergradient's method: exact(), drmad(knots: 16), auto(memory: 1 GB), ...",
        "update": "an update rule with constant arguments, or bfgs()",
        "steps": "number of outer steps",
        "seeds": "number of random draws over which an outer step averages",
        "patience": "stop after so many outer steps without a new best",
        "confirm": "trainings of the start and of the best on fresh draws at the end (default 3; 0 for none)",
        "stop": "growing(n): stop when the hypergradient has grown n times in a row",
        "tie": "entries that are tuned together: { l2: layer }",
        "freeze": "hyperparameters that are not tuned: [scale]",
        "project": "what is done after each outer step: { mix: symmetric, level: clip(0.1, 0.9) }",
    },
    "sweep": {
        "over": "values of hyperparameters, the points of a grid: { rate: exp(linspace(-5, -2)) }",
        "along": "steps down the hypergradient: linspace(0, 10)",
        "points": "number of values that linspace makes",
    },
    "retrain": {
        "on": "the splits to train on once more: [train, valid]",
        "arms": "what is compared with `tuned`; others keep what was tuned: { none: { l2: 0 }, untuned: initial }",
        "others": "of a hyperparameter over the examples of train, its entry for every other example: { trust: 1 }",
    },
}

DECLARATIONS = {
    "import": "a spec that this one changes: what is declared here replaces what is declared there",
    "data": "where examples come from, and what the model reads of them",
    "model": "a function of the data with layers",
    "hyper": "a hyperparameter: name, domain, axes, initial value",
    "params": "a trained array",
    "let": "a name for an expression in hyperparameters",
    "update": "an update rule: equations for the parameters and states",
    "train": "loss, update rule and length of training",
    "tune": "outer objective, reverse strategy and outer update; a stage where it has a name",
    "sweep": "a grid of hyperparameters that is evaluated before tuning",
    "retrain": "a final training that compares hyperparameters",
    "report": "values and images recorded after each outer step, and expectations",
}

CLIP = "a rule that is given the gradient with its norm over all parameters cut"

DOMAINS = {
    "real": "any number",
    "positive": "above 0; the outer loop moves the logarithm",
    "unit": "between 0 and 1; the outer loop moves the logit",
}

AXES = {
    "step": "one entry for each training step; `step(bins: 10)` for ten bins of steps",
    "task": "one entry for each task",
    "class": "`class of y`: one entry for each class of a label",
    "layer": "`layer of mlp.params`: one entry for each layer",
    "param": "`param of mlp.params`: one entry for each parameter array",
    "in_unit": "`in_unit of mlp.weights`: one entry for each row of each weight",
    "out_unit": "`out_unit of mlp.params`: one entry for each column of each weight, shared with its bias",
    "weight": "`weight of mlp.weights`: one entry for each weight",
    "example": "`example of mnist.train`: one entry for each training example",
}
