"""For which alpha, beta and number of negatives Eq. 4 has an answer."""

_ROUNDING = 1e-9


def has_domain(negatives: int, *, alpha: float, beta: float) -> bool:
    """Tell whether beta x negatives exceeds alpha, by more than rounding.

    In binary 0.2 x 3 is a little above 0.6: the weights would be 1e15.

    >>> has_domain(3, alpha=0.6, beta=0.2), has_domain(4, alpha=0.6, beta=0.2)
    (False, True)
    """
    return beta * negatives > alpha * (1 + _ROUNDING)
