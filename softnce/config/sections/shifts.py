"""Settings of the losses that mask, tilt, debias and promote, and of what any loss compares."""

from typing import Literal, get_args

from pydantic import Field

from softnce.config.sections.section import Section
from softnce.losses.spec import LossSpec

Directions = Literal[
    "qc", "qc+qq", "qc+cq", "qc+cc", "qc+qq+cc", "qc+qq+cq", "qc+cq+cc", "qc+qq+cq+cc"
]
DIRECTIONS: tuple[Directions, ...] = get_args(Directions)


class ShiftsSection(Section):
    """What shifts logits, changes targets, or widens the denominator."""

    mask: Literal["none", "absolute", "relative"] = Field(
        "absolute",
        description="Which negatives margin-mask and shifted drop: absolute: those more relevant "
        "than the query's own function plus loss.margin; relative: than the own one minus "
        "loss.relative_margin of it, which needs scores with a true zero; none: none.",
    )
    margin: float = Field(
        0.0,
        ge=-100,
        le=100,
        description="Margin of an absolute mask, in units of the estimator's scores.",
    )
    relative_margin: float = Field(
        0.05, ge=0, le=1, description="Share of the own score that a relative mask subtracts."
    )
    tilt: float = Field(
        1.0,
        ge=-100,
        le=100,
        description="Nats per unit of relevance that tilted and shifted add to a negative's logit: "
        "above 0 hardens, below 0 relieves likely false negatives, 0 is InfoNCE.",
    )
    prior: float = Field(
        0.01,
        ge=0,
        lt=1,
        description="Share of negatives that answer the query, which debiased and shifted take out "
        "of the negatives' sum; 0 is InfoNCE.",
    )
    promotion: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="Share of the target that promoted, and shifted without a mask, give to the "
        "relevant negatives; 0 is InfoNCE.",
    )
    promotion_temperature: float = Field(
        0.1, gt=0, le=1000, description="Temperature by which relevance is divided in promotion."
    )
    directions: Directions = Field(
        "qc",
        description="What stands in the denominator: qc: queries against codes; qq: queries "
        "against other queries; cq: codes against other queries; cc: codes against other codes.",
    )
    partition: Literal["joint", "per_direction"] = Field(
        "joint",
        description="Softmaxes over several directions: joint: one; per_direction: one each, whose "
        "losses are averaged.",
    )
    duplicates: Literal["keep", "mask", "promote"] = Field(
        "keep",
        description="What any loss does with exact and near duplicates of a query or its function: "
        "keep: nothing; mask: leaves them out; promote: gives them loss.duplicates_share of the "
        "target.",
    )
    duplicates_share: float = Field(
        0.3, gt=0, lt=1, description="Share of the target that promoted duplicates get, evenly."
    )
    trust_rank: int | None = Field(
        None,
        ge=1,
        le=999_999,
        description="Lowest rank in the batch that weights.estimator may give a query's own "
        "function, or the pair counts for nothing, in a loss that reads it; null: all pairs count.",
    )
    trust_least: float | None = Field(
        None,
        ge=-1e6,
        le=1e6,
        description="Relevance that the own function of a trusted pair exceeds, where there is a "
        "loss.trust_rank; null: any.",
    )
    trust_softness: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Difference in relevance over which trust fades, where there is a "
        "loss.trust_rank: ranks and loss.trust_least then count by sigmoids; 0: all or nothing.",
    )


def shifts_fault(spec: LossSpec, section: "ShiftsSection") -> tuple[str, str] | None:
    """Find what does not fit together in the settings of a loss.

    Returns:
        What was found and its cure, or None.
    """
    if spec.name == "margin-mask" and section.mask == "none":
        return "loss.mask: none leaves margin-mask nothing to do", "set loss.name to infonce"
    return _promotion_fault(spec, section)


def _promotion_fault(spec: LossSpec, section: "ShiftsSection") -> tuple[str, str] | None:
    if section.duplicates != "promote":
        return None
    if not spec.promotes or (spec.name == "shifted" and section.mask != "none"):
        return (
            f"loss.duplicates: promote with {spec.name}, which may leave out what is promoted",
            "set loss.duplicates to mask" + (", or loss.mask to none" * (spec.name == "shifted")),
        )
    is_promoting = "loss/promotion" in spec.every_setting()
    whole = section.duplicates_share + (section.promotion if is_promoting else 0.0)
    if whole >= 1:
        return (
            f"loss.promotion={section.promotion:g} and loss.duplicates_share="
            f"{section.duplicates_share:g} leave nothing for the query's own function",
            "give shares that sum to less than 1",
        )
    return None
