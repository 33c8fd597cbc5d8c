"""The reverse half of an emitted module: the adjoint of a step, curvature products, the hypergradient."""
