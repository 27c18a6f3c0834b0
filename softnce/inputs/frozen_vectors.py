"""A trained frozen model's weights and its vectors of the training set, into the cache."""

from pathlib import Path

import numpy as np

from softnce.checkpoints.checkpoint import load_weights
from softnce.checkpoints.manifest import best_checkpoint, complete_checkpoint
from softnce.checkpoints.retention import epochs_done, needless_to_encode, remove
from softnce.config.config import Config
from softnce.errors import RunError
from softnce.inputs.device import device_of
from softnce.inputs.frozen_models import FROZEN_MODELS
from softnce.inputs.prepared import Prepared
from softnce.ragged import save_arrays


def cache_vectors(model: str, config: Config, prepared: Prepared, folder: Path) -> None:
    """Encode the training set with a frozen model's best weights, and keep these.

    What only its training needed is freed then. A model that was stopped before its last epoch
    leaves nothing: it goes on another time.

    Args:
        model: teacher or simcse.
        config: the model's own.
        prepared: its inputs; ``vectors`` names the result.
        folder: of its checkpoints.

    Raises:
        RunError: no checkpoint is intact, or its vectors are no numbers.
    """
    if epochs_done(folder) < config.optim.epochs and complete_checkpoint(folder) is None:
        return
    checkpoint = best_checkpoint(folder)
    if checkpoint is None:
        raise RunError(f"{folder}: the {model} left no intact checkpoint")
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    weights = load_weights(checkpoint)
    encoder.load_weights(weights)
    encoder.model.to(device_of(config))
    vectors = {
        name: encoder.encode_all(prepared.table(f"train_{name}")).numpy()
        for name in FROZEN_MODELS[model].tables
        if name != "negatives" or prepared.negatives
    }
    if not all(np.isfinite(table).all() for table in vectors.values()):
        raise RunError(
            f"the {model}'s vectors are NaN or infinite",
            f"delete {folder}, and lower its learning rate",
        )
    place = Path(prepared.cache) / prepared.vectors[model]
    named = {name: tensor.float().numpy() for name, tensor in weights.items()}
    save_arrays(place.with_name(f"{place.name}-weights"), named)
    save_arrays(place, vectors)
    remove(needless_to_encode(checkpoint))
