"""What each diagnostic code means, at length: the texts of `drmadc explain`."""

EXPLANATIONS: dict[str, str] = {
    "E0101": """text that does not fit the grammar

A spec is a sequence of declarations. A declaration reads `name: type = value`, a setting inside a block reads
`name = value`. This code marks the first word that fits neither; the rest of the declaration is not checked.

    hyper l2 positive = 0.01        # wrong: the colon is missing
    hyper l2: positive = 0.01       # right""",
    "E0102": """a bracket without its partner

Every `{`, `(` and `[` needs its closing bracket before the next declaration begins. A declaration keyword in the
first column of a line always begins a new declaration, so one missing brace costs one declaration only.""",
    "E0103": """a character that is not part of the language

Outside comments a spec is plain ASCII, so that names can be typed anywhere. Typographic signs such as `×` or `−`,
often pasted from a paper, have ASCII spellings: `*`, `-`, `^`.""",
    "E0104": """a file that is not text

A spec is UTF-8 text. This file holds bytes that are not; perhaps it is a data file, an archive or a checkpoint.""",
    "E0105": """an empty spec

The file declares nothing. A runnable spec has at least `hyper`, `train` and `tune`, and a `model` or `params`.""",
    "E0106": """an expression that is nested too deeply

Expressions may be nested 100 levels deep. Name parts of it with `let`.""",
    "E0201": """an unknown declaration

A declaration begins with one of: data, model, hyper, params, let, update, train, tune, report.""",
    "E0202": """an unknown setting

A block understands a fixed set of settings. Unknown ones are never ignored: a typo would otherwise silently leave
the default in force.""",
    "E0203": """an unknown name

The name is not declared where it is used. Hyperparameters, parameters, `let` names and the features of the data
are visible in `train`, `tune` and `report`; inside a model only its inputs, its own names and hyperparameters are.""",
    "E0204": """an unknown function, update rule or source

Functions are those of the language reference and the models of the spec; update rules are those of the prelude
(sgd, heavy_ball, momentum, nesterov, rmsprop, adam, adamw, sign) and those that the spec declares.""",
    "E0205": """a name declared twice

Two declarations, two features, two local names of a model or two equations of a rule share a name.""",
    "E0206": """a setting or entry given twice

Which of the two should count? Neither is chosen silently.""",
    "E0207": """a missing declaration

A program needs something to train (`model` or `params`), something to tune (`hyper`), `train` and `tune`.""",
    "E0208": """a missing setting

The block cannot be understood without it, and there is no default that would fit most programs.""",
    "E0209": """an unknown layer or group

The parameters of a model `mlp` are grouped as `mlp.weights`, `mlp.biases`, `mlp.params`; a layer bound to the name
`h1` is `mlp.h1` with `mlp.h1.weight` and `mlp.h1.bias`; the returned layer is `mlp.out`.""",
    "E0210": """an unknown axis

An axis of a hyperparameter is a size, `step`, `step(bins: n)`, or one of layer, param, in_unit, out_unit, weight
`of` a parameter group.

    hyper l2: positive[in_unit of mlp.weights] = 0.01""",
    "E0211": """an unknown type

Hyperparameters are real, positive or unit; data are real[...] or class[N].""",
    "E0212": """a definition in a circle

A `let` may use other `let` names, but not, through them, itself.""",
    "E0213": """an override that cannot be applied

An override is BLOCK.SETTING=VALUE or NAME=VALUE, where NAME is a hyperparameter, a `params` or a `let`:

    drmadc run specs/mnist_l2.drm train.steps=500 l2=0.001 tune.reverse='exact(store)'""",
    "E0214": """a name that the language has taken

A model or `let` cannot be called like a function (`sum`, `tanh`), and nothing can be called `params`, which is the
group of everything that is trained: the same word would have two meanings.""",
    "E0301": """shapes that do not go together

Two values combine elementwise when their shapes are equal or one is a number. A hyperparameter over a group axis
combines with the arrays of that group, each entry broadcast along its own part. Nothing else is broadcast, so that
a wrong axis is found before anything runs.""",
    "E0302": """a value of the wrong kind

The place needs another kind of value: a number where a record stands, a whole number where a fraction stands, a
hyperparameter without a step axis, and so on.""",
    "E0303": """wrong arguments of a function, model or rule

The number, the names or the types of the arguments do not fit; the help shows how it is called.""",
    "E0304": """a value that must be one number

The training loss, the outer objective and each reported value are single numbers. Reduce with `sum` or `mean`.""",
    "E0305": """a value outside its domain

`positive` holds numbers above 0, `unit` numbers between 0 and 1, both without their ends: the outer loop moves a
logarithm or a logit. A constant argument of an update rule may be 0. A momentum of 1.2 would diverge.""",
    "E0306": """a value that contradicts its declared type

The declaration says one shape or kind, the value has another.""",
    "E0307": """data without a split

In `train`, an expression is over the minibatch. In `tune` and `report` an expression with data says over which
split: `cross_entropy(mlp(x), y) on valid`.""",
    "E0308": """a hyperparameter that does not cover the parameters it meets

A hyperparameter over `param of mlp.weights` has no entries for biases, so it cannot be the learning rate of all
parameters. Declare it over `mlp.params`.""",
    "E0309": """a domain that could leave the rule's

A rule's momentum must stay between 0 and 1, but a `real` or `positive` hyperparameter may leave that range while it
is tuned. Declare it `unit`.""",
    "E0310": """parameters that are not initialised once

Each array of the models is covered by exactly one entry of `init`: `weights`, `biases`, `params`, a layer, or an
array.""",
    "E0401": """a hyperparameter that the objective does not depend on

Its hypergradient is identically 0: nothing mentions it, or the way from it to the objective passes a derivative
that is 0 (a `sign`). It would never move.""",
    "E0402": """a reverse strategy that cannot be used

There are exact(), drmad(), flow(), truncated(), implicit(), forward(), one_step() and auto(), each with settings of
its own; `drmadc plan SPEC` lists what each would cost here and which cannot serve the spec.

    reverse = exact()                           # the fastest exact form that fits 2 GB
    reverse = drmad(knots: 16, curvature: auto)
    reverse = auto(memory: 500 MB)""",
    "E0403": """an incomplete update rule

A rule gives the parameter after the step, w', from the parameter w, its gradient grad, the step t and its state.""",
    "E0404": """a reverse strategy that cannot serve the program

Approximations look at a part of training only, and a hyperparameter that acts elsewhere would get a gradient of 0
or of something else: an implicit method sees only what moves the fixed point, not rates or initial values;
truncated() does not reach the first step; flow() knows learning rates but not momenta; forward() carries a
tangent of the whole state for each hyperparameter. `exact()` serves everything.""",
    "E0405": """a memory bound that is too small

The compiler predicts each strategy's peak memory from the program's shapes. exact() chooses among the exact forms, from
every state kept down to binary recomputation; auto() also among approximations. Nothing fits the bound.""",
    "E0501": """splits larger than the data

`train` and `valid` are drawn from the source's training set and `test` from its test set; no example is in two
splits.""",
    "E0502": """a minibatch larger than the train split

Use `batch = all` for full-batch training.""",
    "E0503": """a data file that cannot be used

A file is looked at before anything runs: it must be there and whole, and its arrays must be of plain numbers and of
one length, the number of examples. Whole numbers along one axis are class labels.""",
    "W0401": """hyperparameters that a truncated reverse pass does not reach

truncated(steps: k) goes back k steps. A hyperparameter with an entry for each training step gets no gradient for
those before.""",
    "W0201": """a declaration that is never used

It does no harm, but is often a typo elsewhere.""",
}
