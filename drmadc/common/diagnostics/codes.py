"""What each diagnostic code means, at length: the texts of `drmadc explain`."""

EXPLANATIONS: dict[str, str] = {
    "E0101": """unexpected text

A spec is a sequence of declarations. A declaration reads `name: type = value`, a setting inside a block reads
`name = value`. This code marks the first word that fits neither; the rest of the declaration is not checked.

    hyper l2 positive = 0.01        # wrong: the colon is missing
    hyper l2: positive = 0.01       # right""",
    "E0102": """unmatched bracket

Every `{`, `(` and `[` needs its closing bracket before the next declaration begins. A declaration keyword in the
first column of a line always begins a new declaration, so one missing brace costs one declaration only.""",
    "E0103": """invalid character

Outside comments a spec is plain ASCII, so that names can be typed anywhere. Typographic signs such as `×` or `−`,
often pasted from a paper, have ASCII spellings: `*`, `-`, `^`.""",
    "E0104": """a file that is not UTF-8 text

A spec is UTF-8 text. This file has bytes that are not UTF-8; it may be a data file, an archive or a checkpoint.""",
    "E0105": """an empty spec

The file declares nothing. A runnable spec has at least `hyper`, `train` and `tune`, and a `model` or `params`.""",
    "E0106": """expression nested too deeply

Expressions may be nested 100 levels deep. Name parts of it with `let`.""",
    "E0107": """a name that is too long, or a number that is too large

A name has at most 100 characters. A number is a double: below 1.8e308.""",
    "E0108": """an import that cannot be read

`import "base.drm"` takes the declarations of another file, whose path is relative to the folder of the importing file.
A block of the same name overrides its settings one by one, a hyperparameter, `let`, model or rule of the same name
replaces the imported one.

    import "base.drm"
    train { steps = 500 }""",
    "E0109": """a cyclic import

A file imports itself, directly or through others. Move what they share to a file that imports none of them.""",
    "E0201": """an unknown declaration

A declaration begins with one of: import, data, model, hyper, params, let, update, train, tune, sweep, retrain,
report.""",
    "E0202": """an unknown setting

A block understands a fixed set of settings. Unknown ones are never ignored: a typo would otherwise silently leave
the default in force.""",
    "E0203": """an unknown name

The name is not declared where it is used. Hyperparameters, parameters, `let` names and the features of the data
are visible in `train`, `tune` and `report`; inside a model only its inputs, its own names and hyperparameters
are.""",
    "E0204": """an unknown function, update rule or source

Functions are those of the language reference and the models of the spec; update rules are those of the prelude
(sgd, heavy_ball, momentum, nesterov, rmsprop, adam, adamw, sign) and those that the spec declares.""",
    "E0205": """a name declared twice

Two declarations, two features, two local names of a model or two equations of a rule share a name.""",
    "E0206": """a setting or entry given twice

It is ambiguous which of the two counts, so neither is chosen silently.""",
    "E0207": """a missing declaration

A program needs something to train (`model` or `params`), something to tune (`hyper`), `train` and `tune`.""",
    "E0208": """a missing setting

The setting is required: no default would suit most programs.""",
    "E0209": """an unknown layer or group

The parameters of a model `mlp` are grouped as `mlp.weights`, `mlp.biases`, `mlp.params`; a layer bound to the name
`h1` is `mlp.h1` with `mlp.h1.weight` and `mlp.h1.bias`; the returned layer is `mlp.out`.""",
    "E0210": """an unknown axis

An axis of a hyperparameter is a size, `step`, `step(bins: n)`, or one of layer, param, in_unit, out_unit, weight
`of` a parameter group.

    hyper l2: positive[in_unit of mlp.weights] = 0.01""",
    "E0211": """an unknown type

Hyperparameters are real, positive or unit; data are real[...] or class[N].""",
    "E0212": """a cyclic definition

A `let` may use other `let` names, but not itself, directly or through them.""",
    "E0213": """an override that cannot be applied

An override is BLOCK.SETTING=VALUE or NAME=VALUE, where NAME is a hyperparameter, a `params` or a `let`:

    drmadc run specs/mnist_l2.drm train.steps=500 l2=0.001 tune.reverse='exact(store)'""",
    "E0214": """a reserved name

A model or `let` cannot be called like a function (`sum`, `tanh`), and nothing can be called `params`, which is the
group of everything that is trained: the same word would have two meanings.""",
    "E0301": """incompatible shapes

Two values combine elementwise when their shapes are equal or one is a number. A hyperparameter over a group axis
combines with the arrays of that group, each entry broadcast along its own part. Nothing else is broadcast, so that
a wrong axis is found before anything runs.""",
    "E0302": """a value of the wrong kind

The value or setting is not allowed in this place: a record where a number is expected, a fraction where an integer is
expected, a hyperparameter over training steps outside of training, and so on.""",
    "E0303": """wrong arguments of a function, model or rule

The number, the names or the types of the arguments are wrong; the help shows the usage.""",
    "E0304": """a value that must be a single number

The training loss, the outer objective and each reported value are single numbers. Reduce with `sum` or `mean`.""",
    "E0305": """a value outside its domain

`positive` means x > 0 and `unit` means 0 < x < 1: the outer loop updates the logarithm or the logit. A constant
argument of an update rule may be 0. A momentum of 1.2 would diverge.""",
    "E0306": """a value of another type than declared

The declared shape or kind differs from that of the value.""",
    "E0307": """data without a split

In `train`, data is the minibatch. In `tune` and `report`, an expression with data needs a
split: `cross_entropy(mlp(x), y) on valid`.""",
    "E0308": """a hyperparameter that does not cover the parameters

A hyperparameter over `param of mlp.weights` has no entries for biases, so it cannot be the learning rate of all
parameters. Declare it over `mlp.params`.""",
    "E0309": """a domain that is wider than the rule's

A rule's momentum must stay between 0 and 1, but a `real` or `positive` hyperparameter may leave that range while it
is tuned. Declare it `unit`.""",
    "E0310": """parameters with two initial values

Each array of the models stands in one entry of `init` at most: `weights`, `biases`, `params`, a layer, or an array.
What is left out starts as its layer says, weights by `lecun` and biases by `zeros`.""",
    "E0401": """a hyperparameter that the objective does not depend on

Its hypergradient is identically 0: it is unused, or a derivative between it and the objective is 0 (as that of
`sign`). It would never be updated.""",
    "E0402": """a reverse strategy that cannot be used

The strategies are exact(), drmad(), flow(), truncated(), implicit(), forward(), one_step() and auto(), each with its
own settings; `drmadc plan SPEC` lists the cost of each, and which do not support the spec.

    reverse = exact()                           # the fastest exact form that fits 2 GB
    reverse = drmad(knots: 16, curvature: auto)
    reverse = auto(memory: 500 MB)""",
    "E0403": """an incomplete update rule

A rule gives the parameter after the step, w', from the parameter w, its gradient grad, the step t and its state.""",
    "E0404": """a reverse strategy that does not support the program

An approximation covers a part of training only, and a hyperparameter that acts elsewhere would get a wrong gradient:
implicit() differentiates the fixed point, which does not depend on rates or initial values; truncated() does not
reach the first step; flow() supports learning rates but not momenta; forward() carries a tangent of the whole state
for each hyperparameter. `exact()` supports every program.""",
    "E0405": """a memory bound that is too small

The compiler predicts each strategy's peak memory from the program's shapes. exact() chooses among the exact forms,
from storing every state to binary recomputation; auto() also among approximations. None of them fits the bound.""",
    "E0406": """a function with a zero derivative that is to be minimised

`error`, `accuracy`, `f1`, `auc` and `sign` are constant almost everywhere: a small change of the parameters changes
no answer. Their derivative is 0, and a gradient of 0 moves nothing. Minimise a smooth function, and report the other:

    minimize = cross_entropy(mlp(x), y) on valid
    report {
      error(mlp(x), y) on valid
    }""",
    "E0501": """splits larger than the data

`train` and `valid` are drawn from the source's training set and `test` from its test set; no example is in two
splits.""",
    "E0502": """a minibatch larger than the train split

Use `batch = all` for full-batch training.""",
    "E0504": """a field with missing values

What a cell of a table leaves out cannot be computed with. `missing(age, mean)`, `missing(age, median)` and
`missing(age, 0)` put a value there, taken of the train split only; `missing(plan, most_frequent)` a word.
`is_missing(age)` is 1 where it was missing, so that a model can tell.

    x: real[2] = concat(standardise(missing(age, median)), is_missing(age))""",
    "E0503": """a data file that cannot be used

Files are checked before anything runs: they must exist and be complete, with numeric arrays of equal length, the
number of examples. Integers along one axis are class labels.""",
    "W0501": """windows of a text that overlap

Windows that begin before the last one ends share text. Where splits are drawn at random, what is held out has then
been seen in training, and its loss says little. Cut the text itself into files for training and validation.""",
    "W0401": """hyperparameters that a truncated reverse pass does not reach

truncated(steps: k) goes back k steps. A hyperparameter with an entry for each training step gets no gradient for
those before.""",
    "W0402": """a term with a zero derivative

A term such as `error(mlp(x), y)` changes the value of the function that is minimised, but not its gradient, which is
all that is followed (see E0406).""",
    "W0201": """a declaration that is never used

It is harmless, but often a typo elsewhere.""",
}
