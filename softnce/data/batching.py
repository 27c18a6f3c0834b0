"""Which training rows meet in a batch: drawn anew each epoch from (seed, epoch) alone."""

import numpy as np
from numpy.typing import NDArray

from softnce.errors import DataError


def language_batches(
    languages: NDArray[np.int64], *, batch_size: int, seed: int, epoch: int
) -> NDArray[np.int64]:
    """Draw the batches of an epoch, each of one language; the rows left over of each sit it out.

    Args:
        languages: (n,) number of the language of each training row.
        batch_size: rows of a batch.
        seed: seed of the run.
        epoch: number of the epoch, from 1.

    Returns:
        (batches, batch_size) row numbers, the batches in random order.

    Raises:
        DataError: the pairs of a language do not fill one batch.
    """
    parts = []
    for number in np.unique(languages):
        rows = np.flatnonzero(languages == number)
        drawn = epoch_batches(len(rows), batch_size=batch_size, seed=seed, epoch=epoch)
        parts.append(rows[drawn])
    batches = np.concatenate(parts)
    order = np.random.default_rng([seed, epoch, len(batches)]).permutation(len(batches))
    mixed: NDArray[np.int64] = batches[order]
    return mixed


def epoch_batches(pairs: int, *, batch_size: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Draw the batches of an epoch; the rows left over sit this epoch out.

    Every batch is full, so that the N of Eq. 4 is constant. The draw depends on nothing but the
    arguments, so an epoch can be repeated after a restart, on any number of workers.

    Args:
        pairs: rows of the training set.
        batch_size: rows of a batch.
        seed: seed of the run.
        epoch: number of the epoch, from 1.

    Returns:
        (batches, batch_size) row numbers.

    Raises:
        DataError: fewer pairs than one batch.
    """
    if pairs < batch_size:
        raise DataError(
            f"{pairs} training pairs do not fill one batch of {batch_size}",
            "lower optim.batch_size or add pairs",
        )
    order = np.random.default_rng([seed, epoch]).permutation(pairs)
    return order[: pairs - pairs % batch_size].reshape(-1, batch_size)


def negative_rows(rows: NDArray[np.int64], each: int) -> NDArray[np.int64]:
    """Number the hard negatives of some training rows, in the table that holds those of all.

    Args:
        rows: (k,) row numbers of the training set.
        each: hard negatives of a row.

    Returns:
        (k * each,) row numbers of the table of hard negatives, a row's own next to each other.

    >>> negative_rows(np.array([4, 0]), 2).tolist()
    [8, 9, 0, 1]
    """
    return (rows[:, None] * each + np.arange(each)).ravel()
