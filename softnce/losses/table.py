"""The losses, one row each: the configuration, the search, MLflow and the pages read this table.

A new loss is its function and a row here, or a row in a package of its own (``softnce.plugins``).
Functions stand as addresses, so that this table imports no torch.

Equation numbers: Li et al., "Rethinking Negative Pairs in Code Search", EMNLP 2023.
"""

from softnce.formula import Formula, Variant
from softnce.losses.spec import LossSpec, Need
from softnce.plugins import with_plugins

BASELINE = "infonce"  # what all other losses are compared with
_TILT = {"strength": "loss/tilt"}
_PRIOR = {"prior": "loss/prior", "temperature": "loss/temperature"}
_PROMOTION = {"share": "loss/promotion", "temperature": "loss/promotion_temperature"}
_SHIFTED = "softnce.losses.composed.shifted:shifted_info_nce"
_ROWS = (
    LossSpec(
        name="infonce",
        label="InfoNCE",
        source="Eq. 1",
        formula=Formula(
            "softnce.losses.infonce:info_nce",
            variants=(
                Variant(
                    setting="loss/symmetric",
                    value=True,
                    formula=Formula("softnce.losses.infonce:symmetric_info_nce"),
                ),
            ),
        ),
    ),
    LossSpec(
        name="soft-infonce",
        label="Soft-InfoNCE",
        source="Eq. 3",
        needs=Need.WEIGHTS,
        formula=Formula(
            "softnce.losses.infonce:soft_info_nce",
            variants=(
                Variant(
                    setting="loss/symmetric",
                    value=True,
                    formula=Formula("softnce.losses.infonce:symmetric_soft_info_nce"),
                ),
            ),
        ),
        run_name="{weights.estimator}-a{weights.alpha:.2f}-b{weights.beta:.2f}"
        "-t{weights.temperature:.2f}",
        details="alpha {weights.alpha:.2f}, beta {weights.beta:.2f}",
    ),
    LossSpec(
        name="bce",
        label="BCE",
        source="section 4",
        needs=Need.SHARES,
        promotes=False,
        formula=Formula(
            "softnce.losses.baselines:bce",
            variants=(
                Variant(
                    setting="loss/bce_negatives",
                    value="negatives",
                    formula=Formula("softnce.losses.baselines:negatives_bce"),
                    fewest_negatives=2,
                ),
            ),
        ),
    ),
    LossSpec(
        name="weighted-infonce",
        label="weighted InfoNCE",
        source="Eq. 13",
        needs=Need.SHARES,
        formula=Formula(
            "softnce.losses.baselines:weighted_info_nce",
            variants=(
                Variant(
                    setting="loss/normalize_target",
                    value=True,
                    formula=Formula("softnce.losses.baselines:normalised_weighted_info_nce"),
                ),
            ),
        ),
    ),
    LossSpec(
        name="kl-infonce",
        label="InfoNCE + KL",
        source="section 6",
        needs=Need.SHARES,
        formula=Formula(
            "softnce.losses.baselines:kl_info_nce",
            {"infonce_weight": "loss/infonce_weight", "kl_weight": "loss/kl_weight"},
            variants=(
                Variant(
                    setting="loss/kl_coefficients",
                    value="official",
                    formula=Formula(
                        "softnce.losses.baselines:kl_info_nce",
                        {"infonce_weight": "weights/beta", "kl_weight": "weights/alpha"},
                    ),
                ),
            ),
        ),
    ),
    LossSpec(
        name="top-k",
        label="InfoNCE without the top k",
        source="false-negative cancellation by rank, section 4",
        needs=Need.RELEVANCE,
        formula=Formula("softnce.losses.baselines:top_k_info_nce", {"k": "loss/top_k"}),
        promotes=False,  # a duplicate may be dropped
        ignores=("weights/scale",),  # which changes no rank
        drops="loss/top_k",
    ),
    LossSpec(
        name="dynamic-threshold",
        label="InfoNCE below a threshold",
        source="false-negative cancellation by dynamic threshold, section 4",
        needs=Need.RELEVANCE,
        formula=Formula("softnce.losses.baselines:threshold_info_nce", {"ratio": "loss/ratio"}),
        promotes=False,  # a duplicate may be dropped
        ignores=("weights/scale",),  # which changes no ratio
    ),
    LossSpec(
        name="margin-mask",
        label="InfoNCE below a margin",
        source="Qwen3-Embedding, GISTEmbed, NV-Retriever",
        needs=Need.RELEVANCE,
        formula=Formula(
            "softnce.losses.masks:margin_info_nce",
            {"margin": "loss/margin"},
            variants=(
                Variant(
                    setting="loss/mask",
                    value="relative",
                    formula=Formula(
                        "softnce.losses.masks:margin_info_nce",
                        {"margin": "loss/relative_margin", "relative": True},
                    ),
                ),
            ),
        ),
        promotes=False,  # a duplicate may be dropped
        details="{loss.mask} mask",
    ),
    LossSpec(
        name="tilted",
        label="tilted InfoNCE",
        source="EmbeddingGemma, LLaVE; relieving, below 0",
        needs=Need.RELEVANCE,
        formula=Formula("softnce.losses.tilt:tilted_info_nce", _TILT),
        details="tilt {loss.tilt:.2f}",
    ),
    LossSpec(
        name="debiased",
        label="debiased InfoNCE",
        source="Chuang 2020",
        formula=Formula("softnce.losses.debiased:debiased_info_nce", _PRIOR),
        details="prior {loss.prior:.3f}",
    ),
    LossSpec(
        name="promoted",
        label="promoting InfoNCE",
        source="RLHN",
        needs=Need.RELEVANCE,
        formula=Formula("softnce.losses.promotion:promoted_info_nce", _PROMOTION),
        details="promotion {loss.promotion:.2f}",
    ),
    LossSpec(
        name="shifted",
        label="shifted InfoNCE",
        source="mask, tilt, debiasing and promotion in one",
        needs=Need.RELEVANCE,
        formula=Formula(
            _SHIFTED,
            {**_TILT, **_PRIOR, "margin": "loss/margin"},
            variants=(
                Variant(
                    setting="loss/mask",
                    value="none",
                    formula=Formula(
                        _SHIFTED,
                        {
                            **_TILT,
                            **_PRIOR,
                            "share": "loss/promotion",
                            "promotion_temperature": "loss/promotion_temperature",
                        },
                    ),
                ),
                Variant(
                    setting="loss/mask",
                    value="relative",
                    formula=Formula(
                        _SHIFTED,
                        {**_TILT, **_PRIOR, "margin": "loss/relative_margin", "relative": True},
                    ),
                ),
            ),
        ),
        details="tilt {loss.tilt:.2f}",
    ),
)
LOSSES: dict[str, LossSpec] = with_plugins(
    {spec.name: spec for spec in _ROWS}, "softnce.losses", LossSpec
)
