"""The configuration of a run and of a study: frozen sections, each field bounded and described.

A resolved configuration is itself a runnable YAML file. Fields are addressed by ``section.field``
on the command line and by ``section/field`` in a search space.
"""

from collections.abc import Collection

from pydantic import model_validator

from softnce.config.profiles import with_profile
from softnce.config.sections.data import TEACHER, DataSection
from softnce.config.sections.method import LossSection, WeightsSection
from softnce.config.sections.section import Section
from softnce.config.sections.study import ResourcesSection, SearchSection, TrackingSection
from softnce.config.sections.training import EncoderSection, OptimSection
from softnce.errors import InvalidSettingError
from softnce.formula import settings_of
from softnce.weight_domain import has_domain


class Config(Section):
    """One run, or one study."""

    data: DataSection
    encoder: EncoderSection = EncoderSection()
    loss: LossSection = LossSection()
    weights: WeightsSection = WeightsSection()
    optim: OptimSection = OptimSection()
    search: SearchSection = SearchSection()
    resources: ResourcesSection = ResourcesSection()
    tracking: TrackingSection = TrackingSection()

    @model_validator(mode="before")
    @classmethod
    def _profile_fills_in(cls, raw: object) -> object:
        """Take what is not set from the profile of a GPU, where one is named."""
        return with_profile(raw)

    @property
    def models(self) -> frozenset[str]:
        """Names of what must be prepared for this one run: estimators, a teacher, duplicates.

        InfoNCE needs no estimator.
        """
        needed = self.weights.parts if self.loss.spec.has_estimator else ()
        known = {TEACHER} if self.is_taught else set()
        known |= {"duplicates"} if self.loss.duplicates != "keep" else set()
        return frozenset(needed) | known

    @property
    def encoder_told(self) -> str:
        """Name the encoder's model or kind, and the adapters that are trained."""
        name, rank = self.encoder.model or self.encoder.kind, self.encoder.lora.rank
        if "encoder/lora/rank" in self.search.space:
            return f"{name} with LoRA"
        return name if rank is None else f"{name} with LoRA of rank {rank}"

    @property
    def is_taught(self) -> bool:
        """Tell whether a trained teacher is what a run starts at, or finds hard negatives by."""
        return self.optim.init_from_teacher or self.data.negatives_from == TEACHER

    @property
    def negatives(self) -> int:
        """How many negatives each query meets: N - 1 of Eq. 4, hard negatives included."""
        return self.optim.batch_size * (1 + self.data.negatives) - 1

    @model_validator(mode="after")
    def _weights_have_a_domain(self) -> "Config":
        alpha, beta, negatives = self.weights.alpha, self.weights.beta, self.negatives
        is_eq_4 = self.loss.spec.has_weights and self.weights.spec.weights is None
        if is_eq_4 and not has_domain(negatives, alpha=alpha, beta=beta):
            raise InvalidSettingError(
                f"alpha={alpha:g} with beta={beta:g} needs more than {alpha / beta:g} negatives "
                f"per query, the batch has {negatives}",
                "raise optim.batch_size, or lower weights.alpha",
            )
        return self

    @model_validator(mode="after")
    def _shifts_have_what_they_read(self) -> "Config":
        read = self.loss.spec.reads(settings_of(self))
        if fault := _scores_fault(read, self.loss, self.weights, self.encoder.similarity):
            raise InvalidSettingError(*fault)
        return self

    @model_validator(mode="after")
    def _negatives_are_left(self) -> "Config":
        path, negatives = self.loss.spec.drops, self.negatives
        dropped = settings_of(self)(path) if path else 0
        if dropped >= negatives:
            name = path.replace("/", ".")
            raise InvalidSettingError(
                f"{name}={dropped} leaves none of {negatives} negatives",
                f"lower {name}, or raise optim.batch_size",
            )
        return self

    @model_validator(mode="after")
    def _negatives_are_enough(self) -> "Config":
        settings, negatives = settings_of(self), self.negatives
        for variant in self.loss.spec.formula.variants:
            is_chosen = settings(variant.setting) == variant.value
            if is_chosen and negatives < variant.fewest_negatives:
                name = variant.setting.replace("/", ".")
                raise InvalidSettingError(
                    f"{name}: {variant.value} needs {variant.fewest_negatives} negatives per "
                    f"query, the batch has {negatives}",
                    "raise optim.batch_size",
                )
        return self

    @model_validator(mode="after")
    def _workers_fit(self) -> "Config":
        workers, gpus = self.resources.workers, self.resources.gpus_per_worker
        if workers > 1 and 0 < gpus < 1:
            raise InvalidSettingError(
                f"resources.gpus_per_worker: a fraction of a GPU with {workers} workers",
                "set resources.workers to 1, or give each worker a whole GPU",
            )
        if self.resources.executor == "inline" and workers > 1:
            raise InvalidSettingError(
                "resources.executor: inline trains in one process",
                "use train for several workers",
            )
        if self.optim.batch_size % workers:
            raise InvalidSettingError(
                f"optim.batch_size {self.optim.batch_size} does not divide among {workers} workers",
                "give a multiple of resources.workers",
            )
        return self


def _scores_fault(
    read: Collection[str], loss: LossSection, weights: WeightsSection, similarity: str
) -> tuple[str, str] | None:
    """Find a loss that reads scores of which it cannot make sense.

    Args:
        read: the paths that the loss reads.
        loss: its section.
        weights: of the estimator.
        similarity: of the encoder.

    Returns:
        What was found and its cure, or None.
    """
    is_official = "bm25" in weights.parts and weights.bm25.variant == "official"
    faults = (
        (
            "loss/prior" in read and loss.prior > 0 and similarity == "dot",
            "loss.prior needs cosines, whose least value bounds the negatives' sum, and "
            "encoder.similarity is dot",
            "set loss.prior to 0, or encoder.similarity to cosine",
        ),
        (
            "loss/relative_margin" in read and is_official,
            "loss.mask: relative needs scores with a true zero, and those of weights.bm25.variant: "
            "official have none, since a common word counts below 0",
            "set loss.mask to absolute, or weights.bm25.variant to lucene",
        ),
        (
            loss.trusts_few and not weights.compares_with_codes,
            f"loss.trust_rank: {weights.estimator} compares queries with queries, of which each is "
            "the first by its own",
            "set weights.estimator to teacher or self, or weights.bm25.documents to codes",
        ),
        (
            "loss/promotion" in read and loss.promotion > 0 and weights.parts == ("duplicates",),
            f"loss.promotion={loss.promotion:g} by weights.estimator: duplicates would promote "
            "every negative of a query without duplicates",
            "set loss.name to infonce and loss.duplicates to promote, or another weights.estimator",
        ),
        (
            "weights/alpha" in read and loss.name == "kl-infonce" and weights.alpha < 0,
            f"weights.alpha={weights.alpha:g} is the factor of KL where loss.kl_coefficients is "
            "official, and below 0 the loss has no least value",
            "give 0 or more, or set loss.kl_coefficients to paper",
        ),
    )
    return next(((found, cure) for is_fault, found, cure in faults if is_fault), None)
