"""The study's teacher: an encoder trained with InfoNCE, frozen, its vectors cached.

Source: section 3.2 of the paper, "trained model". Teacher and student are two models; the paper's
own code gives them one encoder, so that its teacher moves with every step.
"""

from pathlib import Path

from softnce.config import Config
from softnce.configfile import with_overrides
from softnce.errors import RunError
from softnce.ragged import save_arrays
from softnce.training.checkpoint import best_checkpoint, load_weights
from softnce.training.loop import device_of
from softnce.training.prepare import Prepared
from softnce.weights.cache import cache_key


def teacher_config(config: Config) -> Config:
    """Return the teacher's configuration: the study's own, with InfoNCE."""
    epochs = config.weights.teacher.epochs or config.optim.epochs
    return with_overrides(config, {"loss/name": "infonce", "optim/epochs": epochs})


def teacher_key(config: Config, prepared: Prepared) -> str:
    """Name the teacher's vectors by everything they follow from."""
    teacher = teacher_config(config)
    sections = {name: getattr(teacher, name).model_dump() for name in ("encoder", "loss", "optim")}
    return cache_key("teacher", tokens=prepared.tokens, metric=config.search.metric, **sections)


def cache_teacher_vectors(config: Config, prepared: Prepared, folder: Path) -> None:
    """Encode the training set with the trained teacher's best weights.

    Args:
        config: the teacher's.
        prepared: its inputs; ``vectors`` names the result.
        folder: of the teacher's checkpoints.

    Raises:
        RunError: there is no intact checkpoint.
    """
    checkpoint = best_checkpoint(folder)
    if checkpoint is None:
        raise RunError(f"{folder}: the teacher left no intact checkpoint")
    encoder = prepared.encoder(config.encoder, seed=config.optim.seed)
    encoder.model.load_state_dict(load_weights(checkpoint))
    encoder.model.to(device_of(config))
    vectors = {
        name: encoder.encode_all(prepared.table(f"train_{name}")).numpy()
        for name in ("queries", "codes")
    }
    save_arrays(Path(prepared.cache) / prepared.vectors, vectors)
