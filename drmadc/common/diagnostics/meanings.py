"""What names of other libraries and papers are called here, by what is asked for: suggestions by meaning."""

from collections.abc import Mapping

_TRAINING = {
    "steps": "epochs iterations iters num_steps n_steps max_steps num_iterations training_steps",
    "update": "optimizer optimiser optim rule",
    "batch": "batch_size minibatch batchsize",
    "seed": "random_seed random_state rng key",
    "precision": "dtype float_type",
    "loss": "criterion loss_fn loss_function",
    "init": "initializer initialiser initialization initialisation",
    "accumulate": "gradient_accumulation accumulation_steps microbatch microbatches",
}
_TUNING = {
    "steps": "epochs iterations iters num_steps n_steps max_steps trials n_trials",
    "update": "optimizer optimiser outer_optimizer rule",
    "minimize": "objective loss minimise metric goal",
    "reverse": "method strategy gradient hypergradient mode",
    "patience": "early_stopping early_stop",
}
_DATA = {
    "source": "dataset file path data",
    "split": "splits sizes test_size valid_size",
    "resample": "shuffle reshuffle",
    "folds": "cv n_splits cross_validation",
    "stratify": "stratified",
}
_FUNCTIONS = {
    "cross_entropy": "softmax_cross_entropy softmax_crossentropy crossentropy crossentropyloss nll nll_loss"
    " categorical_crossentropy sparse_categorical_crossentropy softmax_cross_entropy_with_integer_labels",
    "binary_cross_entropy": "bce bce_loss bceloss bce_with_logits binary_crossentropy sigmoid_cross_entropy"
    " sigmoid_binary_cross_entropy",
    "squared_error": "mse mse_loss mseloss mean_squared_error l2_loss",
    "huber": "smooth_l1 smooth_l1_loss huber_loss",
    "accuracy": "acc accuracy_score categorical_accuracy",
    "error": "error_rate zero_one_loss misclassification",
    "f1": "f1_score",
    "auc": "roc_auc auroc roc_auc_score",
    "average_precision": "ap average_precision_score pr_auc",
    "calibration_error": "ece expected_calibration_error",
    "brier": "brier_score brier_score_loss",
    "log_loss": "logloss negative_log_likelihood",
    "mae": "mean_absolute_error l1_loss",
    "rmse": "root_mean_squared_error",
    "r2": "r2_score",
    "relu": "relu6 leaky_relu elu selu prelu rectifier",
    "silu": "swish hardswish",
    "sigmoid": "logistic expit",
    "log": "ln log10 log2",
    "dense": "fc fully_connected affine",
    "conv": "conv2d convolution",
    "max_pool": "maxpool maxpool2d maxpooling",
    "mean_pool": "avgpool avg_pool average_pool",
    "gaussian_dropout": "dropout",
    "concat": "concatenate cat hstack",
    "reshape": "view",
    "one_hot": "onehot one_hot_encode to_categorical",
    "standardise": "normalize normalise standardize zscore standard_scaler",
    "rescale": "minmax min_max min_max_scaler",
    "whiten": "zca whitening",
    "mean": "average avg",
    "std": "stddev standard_deviation sd",
    "missing": "impute fillna fill_missing imputer",
    "is_missing": "isna isnan isnull",
    "flip": "horizontal_flip random_flip hflip",
    "crop": "random_crop",
    "cutout": "random_erasing",
    "he": "kaiming kaiming_normal kaiming_uniform he_normal he_uniform",
    "glorot": "xavier xavier_normal xavier_uniform glorot_normal glorot_uniform",
    "lecun": "lecun_normal lecun_uniform",
    "normal": "randn gaussian",
    "uniform": "rand random",
    "cosine": "cosine_decay cosine_annealing cosine_schedule",
    "linear": "linear_decay linear_schedule",
    "warmup_cosine": "warmup cosine_warmup",
    "step_decay": "exponential_decay step_lr multistep piecewise_constant",
}
_RULES = {
    "sgd": "gradient_descent gd",
    "momentum": "polyak",
    "nesterov": "nag",
    "rmsprop": "rms_prop",
    "adamw": "adam_w",
    "sign": "signsgd sign_sgd",
    "bfgs": "lbfgs l_bfgs",
    "clip": "clip_by_global_norm clip_grad_norm clip_grad_norm_ gradient_clipping",
}
_ARGUMENTS = {
    "rate": "lr learning_rate step_size eta alpha",
    "momentum": "mu beta",
    "beta1": "b1 beta_1",
    "beta2": "b2 beta_2",
    "eps": "epsilon",
    "decay": "weight_decay rho",
    "norm": "max_norm threshold limit",
}
_PHRASES = {
    "train": {
        "lr learning_rate rate step_size momentum weight_decay": "it is an argument of the rule, as in"
        " `update = sgd(rate: 0.1)`",
        "schedule scheduler lr_schedule lr_scheduler warmup": "a schedule is an argument of the rule:"
        " `update = sgd(rate: cosine(0.1))`",
        "clip grad_clip max_grad_norm clip_norm gradient_clip": "wrap the rule:"
        " `update = clip(norm: 1, sgd(rate: 0.1))`",
        "weight_decay l2 regularization regularizer": "add it to the loss: `loss = ... + l2 * sum(net.weights ^ 2)`",
        "model": "the loss calls the model: `loss = cross_entropy(net(x), y)`",
        "metrics": "metrics are lines of `report { ... }`",
    },
    "tune": {
        "lr learning_rate rate step_size": "it is an argument of the rule, as in `update = adam(rate: 0.1)`",
        "seed": "it is a setting of `train`",
        "metrics report": "metrics are lines of `report { ... }`",
    },
    "function": {
        "square sqr": "write `x ^ 2`",
        "pow power": "write `x ^ y`",
        "dot matmul mm": "write `x @ A`",
        "norm l2_norm": "write `sqrt(sum(x ^ 2))`",
        "batch_norm batchnorm layer_norm layernorm": "normalise features by `standardise(...)`",
    },
    "update rule": {
        "cosine linear warmup_cosine step_decay": "it is a schedule, an argument of a rule:"
        " `update = sgd(rate: cosine(0.1))`",
    },
}


def _table(words: Mapping[str, str]) -> dict[str, str]:
    return {other: here for here, others in words.items() for other in others.split()}


MEANT: dict[str, dict[str, str]] = {
    "train": _table(_TRAINING),
    "tune": _table(_TUNING),
    "data": _table(_DATA),
    "function": _table(_FUNCTIONS),
    "update rule": _table(_RULES),
    "argument": _table(_ARGUMENTS),
    "target": _table(_TRAINING) | _table(_ARGUMENTS),
}
"""The name here of one from elsewhere, in lower case, by the block or the kind of thing that is asked for."""

PHRASES: dict[str, dict[str, str]] = {
    place: {word: text for words, text in phrases.items() for word in words.split()}
    for place, phrases in _PHRASES.items()
}
"""What to do instead, where it is no name of that kind."""
