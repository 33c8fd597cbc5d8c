"""Whether a hypergradient can be trusted: is it right, is the approximation close, does it predict the outer step?"""
