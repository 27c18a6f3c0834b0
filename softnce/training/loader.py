"""The batches of an epoch, their relevance estimated off the critical path."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from softnce.config.config import Config
from softnce.data.batching import epoch_batches, language_batches, negative_rows
from softnce.inputs.estimators import build_estimator, known_duplicates
from softnce.inputs.prepared import Prepared
from softnce.training.step import Batch, Objective
from softnce.weights.weighting import Estimator, require_finite, standardised


@final
class Loader:
    """Draws an epoch's batches and estimates relevance one step ahead, in a thread."""

    def __init__(
        self, config: Config, prepared: Prepared, objective: Objective, device: torch.device
    ) -> None:
        self._config, self._prepared, self._objective = config, prepared, objective
        self._device = device
        self._estimator: Estimator | None = None
        if config.loss.spec.has_estimator and config.weights.prepared_parts:
            self._estimator = build_estimator(config.weights, prepared, device)
        self._pools = prepared.negative_pools() if config.data.is_guided else None
        self._duplicates: Estimator | None = None
        if config.loss.duplicates != "keep":
            self._duplicates = known_duplicates(prepared, what=config.loss.duplicates)

    def drawn(self, epoch: int) -> NDArray[Any]:
        """Return (steps, batch_size) rows of an epoch."""
        optim = self._config.optim
        if self._config.data.batches == "by_language":
            languages = self._prepared.language_numbers("train")
            rows = language_batches(
                languages, batch_size=optim.batch_size, seed=optim.seed, epoch=epoch
            )
        else:
            rows = epoch_batches(
                self._prepared.train, batch_size=optim.batch_size, seed=optim.seed, epoch=epoch
            )
        return rows[: optim.max_steps]

    def prefetched(self, rows: NDArray[Any], *, epoch: int = 1) -> Iterator[Batch]:
        """Yield the batches, two of them made ahead while the caller trains.

        Args:
            rows: (steps, batch_size) of the epoch.
            epoch: from 1, which tells how near a guide's hard negatives are.
        """
        if self._estimator is None and self._duplicates is None and self._pools is None:
            yield from (Batch(batch, None) for batch in rows)
            return
        ahead: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=2)
        stopped = threading.Event()
        threading.Thread(target=self._fill, args=(rows, epoch, ahead, stopped), daemon=True).start()
        try:
            for _ in rows:
                batch = ahead.get()
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
        finally:
            stopped.set()

    def _fill(
        self,
        rows: NDArray[Any],
        epoch: int,
        ahead: "queue.Queue[Batch | BaseException]",
        stopped: threading.Event,
    ) -> None:
        for batch in rows:
            try:
                made: Batch | BaseException = self._placed(self._estimated(batch, epoch))
            except Exception as error:  # noqa: BLE001  (handed to the training thread)
                made = error
            while not stopped.is_set():
                try:
                    ahead.put(made, timeout=0.2)
                    break
                except queue.Full:
                    continue
            if stopped.is_set():
                return

    def _estimated(self, rows: NDArray[Any], epoch: int = 1) -> Batch:
        everyone, own = torch.from_numpy(rows), torch.from_numpy(self._objective.scored(rows))
        drawn = self._drawn_negatives(rows, epoch)
        hard = negative_rows(rows, self._prepared.negatives) + self._prepared.train
        hard = hard if drawn is None else drawn
        candidates = torch.cat([everyone, torch.from_numpy(hard)])
        batch = Batch(rows, None)
        if self._estimator is not None:
            batch = self._judged(rows, everyone, own, candidates)
        batch = replace(batch, negatives=drawn)
        if self._duplicates is None:
            return batch
        return replace(batch, marked=self._duplicates.relevance(own, candidates) > 0)

    def _drawn_negatives(self, rows: NDArray[Any], epoch: int) -> NDArray[np.int64] | None:
        """Draw a guide's hard negatives, by (seed, epoch, batch) alone."""
        if self._pools is None:
            return None
        data, optim = self._config.data, self._config.optim
        return self._pools.drawn(
            rows,
            data.negatives,
            temperature=data.guide.temperature(epoch, optim.epochs),
            draw=np.random.default_rng([optim.seed, epoch, int(rows[0])]),
        )

    def _judged(
        self,
        rows: NDArray[Any],
        everyone: torch.Tensor,
        own: torch.Tensor,
        candidates: torch.Tensor,
    ) -> Batch:
        assert self._estimator is not None  # noqa: S101
        if self._objective.asks_encoder:  # the step adds the encoder's part, then takes its rows
            judged = self._estimator.judged(candidates)
            return Batch(rows, self._scores(everyone, candidates), judged)
        if self._config.weights.scale == "raw":
            return Batch(rows, self._scores(own, candidates))
        judged = self._estimator.judged(candidates)
        whole = standardised(self._scores(everyone, candidates), judged=judged)
        if len(own) == len(everyone):
            return Batch(rows, whole)
        workers = self._objective.workers
        return Batch(rows, whole.view(workers.world, -1, len(candidates))[workers.rank])

    def _placed(self, batch: Batch) -> Batch:
        """Put the relevance where the loss is taken, so that the step need not wait for a copy."""
        relevance, marked = self._moved(batch.relevance), self._moved(batch.marked)
        return replace(batch, relevance=relevance, marked=marked)

    def _moved(self, one: torch.Tensor | None) -> torch.Tensor | None:
        if one is None or one.device == self._device or self._device.type == "cpu":
            return one
        return one.pin_memory().to(self._device, non_blocking=True)

    def _scores(self, queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        assert self._estimator is not None  # noqa: S101
        scores = self._estimator.relevance(queries, candidates)
        if scores.device.type == "cpu":  # on a GPU the look would wait; its vectors were checked
            require_finite(scores, source=self._estimator.name)
        return scores
