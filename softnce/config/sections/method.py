"""Loss and weights: the method of the paper, and what its texts and its code left open."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from softnce.config.sections.estimators import BM25Section, DuplicatesSection, MixtureSection
from softnce.config.sections.frozen_models import SimCSESection, TeacherSection
from softnce.config.sections.own_settings import (
    with_settings_of_estimators,
    with_settings_of_losses,
)
from softnce.config.sections.section import Section
from softnce.config.sections.shifts import DIRECTIONS, ShiftsSection, shifts_fault
from softnce.errors import InvalidSettingError
from softnce.losses.spec import LossSpec
from softnce.losses.table import LOSSES
from softnce.weights.spec import EstimatorSpec
from softnce.weights.table import ESTIMATORS, OWN

if TYPE_CHECKING:
    LossName = str
    EstimatorName = str
else:  # the tables tell which
    LossName, EstimatorName = Literal[tuple(LOSSES)], Literal[tuple(ESTIMATORS)]


def _listed(what: str, rows: Mapping[str, str]) -> str:
    return f"{what}: {'; '.join(f'{name}: {said}' for name, said in rows.items())}."


@with_settings_of_losses
class LossSection(ShiftsSection):
    """The contrastive loss; all but infonce read what ``weights.estimator`` finds relevant."""

    name: LossName = Field(
        "soft-infonce",
        description=_listed("Name of the loss", {name: one.source for name, one in LOSSES.items()}),
    )
    temperature: float = Field(
        0.05, gt=0, le=100, description="Divisor of similarities that makes logits."
    )
    symmetric: bool = Field(
        default=False,
        description="Whether functions are also matched to queries (infonce, soft-infonce).",
    )
    clamp_logits_min: float | None = Field(
        None,
        ge=-1e6,
        le=1e6,
        description="Least logit, to which smaller ones are raised; 0 is what the paper's appendix "
        "B.1 says of dot products, though its code does not do so. Null: no bound.",
    )
    kl_coefficients: Literal["paper", "official"] = Field(
        "paper",
        description="Factors of kl-infonce's two terms: paper: infonce_weight and kl_weight "
        "(section 6: 1.3 and 0.7); official: weights.beta for InfoNCE and weights.alpha for KL, "
        "as in the paper's code.",
    )
    matryoshka: tuple[Annotated[int, Field(ge=1, le=8192)], ...] = Field(
        (),
        description="Sizes to which vectors can be cut later: the loss is taken of their first so "
        "many numbers, too, and all losses are summed (Matryoshka). Fewer than the encoder has.",
    )
    infonce_weight: float = Field(1.3, gt=0, le=100, description="Factor of InfoNCE in kl-infonce.")
    kl_weight: float = Field(0.7, ge=0, le=100, description="Factor of the KL term in kl-infonce.")
    top_k: int = Field(
        1,
        ge=0,
        le=999_999,
        description="Number of most relevant negatives that top-k drops from each query.",
    )
    ratio: float = Field(
        0.5,
        gt=0,
        le=1000,
        description="Share of the query's relevance to its own function from which "
        "dynamic-threshold drops a negative.",
    )
    normalize_target: bool = Field(
        default=False, description="Whether the targets of weighted-infonce sum to 1 instead of 2."
    )
    bce_negatives: Literal["all", "negatives"] = Field(
        "all",
        description="Candidates of bce's softmax: all: all candidates (the paper's text and "
        "code); negatives: the negatives alone (its appendix B.2).",
    )

    @property
    def spec(self) -> LossSpec:
        """The loss's row of the table."""
        return LOSSES[self.name]

    @property
    def trusts_few(self) -> bool:
        """Tell whether only the pairs that the estimator confirms count."""
        return self.trust_rank is not None and self.spec.has_estimator

    @property
    def needs_everyone(self) -> bool:
        """Tell whether every worker takes the loss of the whole batch."""
        return self.symmetric or self.directions != DIRECTIONS[0] or self.trusts_few

    @model_validator(mode="after")
    def _shifts_fit(self) -> "LossSection":
        if fault := shifts_fault(self.spec, self):
            raise InvalidSettingError(*fault)
        return self

    @model_validator(mode="after")
    def _symmetric_where_defined(self) -> "LossSection":
        able = [name for name, spec in LOSSES.items() if "loss/symmetric" in spec.every_setting()]
        if self.symmetric and self.name not in able:
            raise InvalidSettingError(
                f"loss.symmetric is for {', '.join(able[:-1])} and {able[-1]}, loss.name is "
                f"{self.name}",
                "set loss.symmetric to false",
            )
        return self

    @model_validator(mode="after")
    def _symmetric_alone(self) -> "LossSection":
        other = (
            f"loss.directions: {self.directions}"
            if self.directions != DIRECTIONS[0]
            else f"loss.trust_rank={self.trust_rank}"
            if self.trusts_few
            else ""
        )
        if self.symmetric and other:
            raise InvalidSettingError(
                f"loss.symmetric with {other}: its second direction is a softmax over the whole "
                "batch of pairs, and nothing else",
                "set loss.symmetric to false, or loss.directions to qc and loss.trust_rank to null",
            )
        return self


@with_settings_of_estimators
class WeightsSection(Section):
    """The weight of each negative (Eq. 4)."""

    estimator: EstimatorName = Field(
        "bm25",
        description=_listed(
            "What estimates that a negative is relevant",
            {name: spec.summary for name, spec in ESTIMATORS.items()},
        ),
    )
    alpha: float = Field(
        1.0,
        ge=-100,
        le=100,
        description="Strength of the correction (alpha of Eq. 4); 0 is InfoNCE, below 0 the most "
        "similar negatives weigh most.",
    )
    beta: float = Field(
        1.0,
        gt=0,
        le=100,
        description="Weight of the uniform part (beta of Eq. 4); only alpha / beta matters.",
    )
    temperature: float = Field(
        1.0, gt=0, le=1000, description="Temperature by which relevance is divided: the paper's t."
    )
    scale: Literal["raw", "standardised"] = Field(
        "standardised",
        description="Scale of the scores: raw: as they are; standardised: over their standard "
        "deviation in the batch, in which filled-in scores of hard negatives do not count.",
    )
    floor: float | None = Field(
        0.1,
        ge=0,
        lt=1,
        description="Least weight of a negative (the paper's appendix C.2); null: Eq. 4 as it is.",
    )
    renormalise: bool = Field(
        default=False,
        description="Whether weights sum to the number of negatives again after the floor; "
        "neither the paper nor its code does so.",
    )
    bm25: BM25Section = BM25Section()
    teacher: TeacherSection = TeacherSection()
    simcse: SimCSESection = SimCSESection()
    duplicates: DuplicatesSection = DuplicatesSection()
    mixture: MixtureSection = MixtureSection()

    @property
    def spec(self) -> EstimatorSpec:
        """The estimator's row of the table."""
        return ESTIMATORS[self.estimator]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the estimators that are needed: one, or those with a share in the mixture."""
        if not self.spec.combines:
            return (self.estimator,)
        return tuple(name for name, share in self.mixture.model_dump().items() if share > 0)

    @property
    def prepared_parts(self) -> tuple[str, ...]:
        """Those parts that a batch can be judged by before the encoder has seen it."""
        return tuple(name for name in self.parts if name != OWN)

    @property
    def compares_with_codes(self) -> bool:
        """Tell whether every part compares a query with codes, so that its own may rank low."""
        named = {"teacher", OWN} | ({"bm25"} if self.bm25.documents == "codes" else set())
        return set(self.parts) <= named

    @property
    def own_share(self) -> float:
        """The share of the encoder in training in the relevance, 0 to 1."""
        if not self.spec.combines:
            return float(self.estimator == OWN)
        shares: dict[str, float] = self.mixture.model_dump()
        return shares[OWN] / sum(shares.values())

    @model_validator(mode="after")
    def _mixture_of_something(self) -> "WeightsSection":
        if self.spec.combines and not any(self.mixture.model_dump().values()):
            raise InvalidSettingError(
                "weights.mixture: all shares are 0",
                "give one estimator a share above 0",
            )
        return self

    @model_validator(mode="after")
    def _floor_where_used(self) -> "WeightsSection":
        is_floored = self.estimator == "duplicates" and self.duplicates.weight == "floor"
        if is_floored and self.floor is None:
            raise InvalidSettingError(
                "weights.duplicates.weight: floor needs weights.floor, which is null",
                "give a number, or use mask",
            )
        return self
