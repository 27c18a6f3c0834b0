"""A study in the hands of this process, and the inputs that its trials share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tune_spaces.preparation.adapters import require_adapters
from tune_spaces.preparation.baselines import store_baselines
from tune_spaces.study.caches import open_cache
from tune_spaces.study.context import StudyContext
from tune_spaces.study.fingerprint import require_same, require_same_weights
from tune_spaces.study.lock.study_lock import Lease
from tune_spaces.study.sizes import Sizes, store_sizes
from tune_spaces.study.trial_store import TrialStore
from tune_spaces.tracking.tracker import Tracker

if TYPE_CHECKING:
    from softnce.data.pairs import PairSet
    from softnce.inputs.prepared import Prepared


@dataclass(frozen=True)
class HeldStudy:
    """A study in the hands of this process, from its prepared inputs to its champion.

    Attributes:
        context: configuration, folder, space and console.
        prepared: the trials' shared inputs.
        trial_store: the study's memory.
        tracker: tells MLflow.
        lease: shows that no other search holds the study.
        pairs: its data, where they are at hand.
    """

    context: StudyContext
    prepared: "Prepared"
    trial_store: TrialStore
    tracker: Tracker
    lease: Lease
    pairs: "PairSet | None" = None


def with_models(study: HeldStudy, is_stopped: Callable[[], bool]) -> "Prepared":
    """Train the frozen models that are missing, and return the inputs that know them all."""
    from softnce.inputs.guided import with_taught_pools
    from tune_spaces.tune.train_frozen import frozen_models, with_model

    prepared = study.prepared
    for model in frozen_models(study.context.space):
        prepared = with_model(model, study.context, prepared, study.tracker, is_stopped)
    return with_taught_pools(study.context.config, prepared, study.context.console.print)


def prepared_inputs(context: StudyContext, pairs: "PairSet") -> "Prepared":
    """Fill the cache, and check that the study is about the same data, settings and weights."""
    from softnce.inputs.prepare import prepare

    config, cache = context.config, context.folder.cache(context.config)
    require_same(context.folder, config, pairs.digest)
    open_cache(cache, context.folder.root)
    prepared = prepare(
        config, pairs, cache, tell=context.console.print, models=context.space.models()
    )
    require_adapters(context.space)
    require_same_weights(context.folder, prepared.weights)
    sample = prepared.looked_at
    sizes = Sizes(
        valid=prepared.valid,
        test=len(pairs.test.texts),
        candidates=prepared.candidates,
        sampled_valid=sample.queries,
        sampled_candidates=sample.candidates,
        train=prepared.train,
    )
    store_sizes(context.folder.root, sizes)
    store_baselines(context.folder.root, config, prepared, pairs, tell=context.console.print)
    return prepared
