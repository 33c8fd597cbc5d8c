"""What is compiled."""


def test_compile_time_does_not_grow_with_steps() -> None:
    """Nothing is unrolled: the compiled program has the same size for 10 and for 10,000 steps."""
    from tests.conftest import compiled

    sizes = []
    for steps in (10, 10000):
        session = compiled("l2_by_input", f"train.steps={steps}").session
        sizes.append(len(session.hlo().splitlines()))
    assert sizes[0] == sizes[1]
