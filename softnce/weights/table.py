"""The estimators, one row each: the configuration, the search, MLflow and the pages read this.

A new estimator is its class, what builds it, and a row here, or a row in a package of its own
(``softnce.plugins``). Functions stand as addresses, so that this table imports no torch.
"""

from softnce.formula import Formula, Variant
from softnce.plugins import with_plugins
from softnce.weights.spec import EstimatorSpec

OWN = "self"  # the encoder in training: its vectors exist within a step only
MIXTURE = "mixture"  # of the others
_ROWS = (
    EstimatorSpec(
        name="bm25",
        label="BM25",
        summary="docstrings that share rare words",
        build="softnce.inputs.estimators:bm25",
        section="bm25",
        inputs=("terms",),
        share=1.0,
        words={"bm25": "okapi", "bm25-official": "official", "bm25-lucene": "lucene"},
        from_texts="softnce.diagnostics.requested:bm25",
        from_columns="softnce.losses.st_columns:anchor_bm25",
        cost="a sparse product",
    ),
    EstimatorSpec(
        name="teacher",
        label="the teacher",
        summary="your encoder after InfoNCE, trained once by the study, frozen and cached",
        build="softnce.inputs.estimators:teacher",
        section="teacher",
        training="softnce.inputs.frozen_models:TEACHER",
        trained_by=("weights/teacher/epochs",),
        share=1.0,
        cost="a product of vectors",
    ),
    EstimatorSpec(
        name="simcse",
        label="SimCSE",
        summary="a docstring encoder, trained once by the study, frozen and cached",
        build="softnce.inputs.estimators:simcse",
        section="simcse",
        inputs=("simcse-tokens",),
        training="softnce.inputs.frozen_models:SIMCSE",
        trained_by=("weights/simcse/",),
        pretrained="weights/simcse/model",
        share=0.0,
        cost="a product of vectors",
    ),
    EstimatorSpec(
        name="duplicates",
        label="the duplicates",
        summary="exact and near duplicates, which are masked",
        build="softnce.inputs.estimators:duplicates",
        section="duplicates",
        inputs=("groups",),
        weights=Formula(
            "softnce.weights.duplicates:duplicate_weights",
            {"weight": 0.0},
            variants=(
                Variant(
                    setting="weights/duplicates/weight",
                    value="floor",
                    formula=Formula(
                        "softnce.weights.duplicates:duplicate_weights", {"weight": "weights/floor"}
                    ),
                ),
            ),
        ),
        share=0.0,
        words={"duplicates": ""},
        from_texts="softnce.diagnostics.requested:duplicates",
        cost="a comparison of numbers",
    ),
    EstimatorSpec(
        name=OWN,
        label="the trained encoder's own similarities",
        summary="the encoder in training itself: the paper's trained model as its code does it",
        share=0.0,
        from_columns="softnce.losses.st_columns:model_itself",
    ),
    EstimatorSpec(
        name=MIXTURE,
        label="a mixture",
        summary="several of the others, by shares that can be searched",
        build="softnce.inputs.estimators:mixture",
        section="mixture",
        combines=True,
        cost="its parts",
    ),
)
ESTIMATORS: dict[str, EstimatorSpec] = with_plugins(
    {spec.name: spec for spec in _ROWS}, "softnce.estimators", EstimatorSpec
)
MIXTURE_SHARES: dict[str, float] = {
    name: spec.share for name, spec in ESTIMATORS.items() if spec.share is not None
}
