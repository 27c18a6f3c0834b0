"""The models that a study trains once, freezes, and lets estimate relevance."""

from typing import Any, Literal

from pydantic import Field

from softnce.config.sections.section import Section


class TeacherSection(Section):
    """The frozen model, trained with InfoNCE by the study itself, that estimates relevance."""

    epochs: int | None = Field(
        None, ge=1, description="Number of epochs of the teacher; null: optim.epochs."
    )
    score: Literal["dot", "cosine"] = Field(
        "cosine",
        description="Similarity of the teacher's query and code vectors. The paper has dot, whose "
        "t = 5 fits vectors of any length; with encoder.similarity: cosine they have length 1, so "
        "that dot equals cosine and Table 7's t = 5 on the raw scale hardly weighs.",
    )


class SimCSESection(Section):
    """The frozen docstring encoder, trained by the study itself with dropout as the only noise.

    What is null is the recipe's.
    """

    recipe: Literal["official", "paper"] = Field(
        "official",
        description="Source of the training settings that are null: official: 10 epochs, batches "
        "of 256, learning rate 5e-4, temperature 0.07, as in the paper's code; paper: 1, 64, 3e-5, "
        "0.05, SimCSE's own, which the paper names.",
    )
    model: str = Field(
        "sentence-transformers/msmarco-distilbert-dot-v5",
        description="Folder or hub id of the model that SimCSE's training starts from.",
    )
    epochs: int | None = Field(
        None, ge=1, le=9_999, description="Number of SimCSE's passes over the training queries."
    )
    batch_size: int | None = Field(
        None, ge=2, le=1_000_000, description="Number of queries per batch in SimCSE's training."
    )
    learning_rate: float | None = Field(
        None, gt=0, le=10, description="Learning rate of SimCSE's training at the schedule's peak."
    )
    temperature: float | None = Field(
        None, gt=0, le=100, description="Temperature of SimCSE's own InfoNCE."
    )
    max_length: int = Field(128, ge=8, le=8192, description="Number of tokens per query in SimCSE.")
    max_steps: int | None = Field(
        None, ge=1, description="Most steps per epoch of SimCSE's training, for a short try."
    )

    def setting(self, name: str) -> Any:  # noqa: ANN401  (a number; its field tells which)
        """Return epochs, batch_size, learning_rate or temperature: its own, or the recipe's."""
        own = getattr(self, name)
        return SIMCSE_RECIPES[self.recipe][name] if own is None else own


SIMCSE_RECIPES: dict[str, dict[str, float]] = {
    "official": {"epochs": 10, "batch_size": 256, "learning_rate": 5e-4, "temperature": 0.07},
    "paper": {"epochs": 1, "batch_size": 64, "learning_rate": 3e-5, "temperature": 0.05},
}
