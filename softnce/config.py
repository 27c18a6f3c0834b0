"""The configuration of a run and of a study: frozen sections, each field bounded and described.

A resolved configuration is itself a runnable YAML file. Fields are addressed by ``section.field``
on the command line and by ``section/field`` in a search space.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, le=1)]
LossName = Literal[
    "infonce", "soft-infonce", "bce", "weighted-infonce", "kl-infonce", "top-k", "dynamic-threshold"
]
EstimatorName = Literal["bm25", "teacher", "simcse", "self", "duplicates", "mixture"]
ColumnName = Literal["query", "code", "id", "language", "negatives"]
MetricName = Literal["mrr", "mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10"]


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, raw: object) -> object:
        """Take ``optim:`` with nothing under it for a section without settings."""
        return {} if raw is None else raw

    @model_validator(mode="before")
    @classmethod
    def _true_is_no_number(cls, raw: object) -> object:
        """Refuse true and false where a number belongs; pydantic would take them for 1 and 0."""
        for name, value in raw.items() if isinstance(raw, dict) else ():
            field = cls.model_fields.get(str(name))
            kinds = () if field is None else (field.annotation, *get_args(field.annotation))
            if isinstance(value, bool) and bool not in kinds:
                raise ValueError(f"{name}: {str(value).lower()} is no value for it")
        return raw


class DataSection(Section):
    """Where the pairs of (query, function) come from."""

    path: str | None = Field(
        None, description="folder in GraphCodeBERT layout, or a jsonl, csv or parquet file of pairs"
    )
    mine: tuple[str, ...] = Field(
        (),
        description="source folders to mine pairs from instead; @environment = installed packages",
    )
    max_pairs: int | None = Field(None, ge=10, description="most pairs to mine")
    columns: dict[ColumnName, str] | None = Field(None, description="column names of own data")
    language: str | None = Field(None, description="programming language where the data do not say")
    negatives: int = Field(
        0,
        ge=0,
        le=1000,
        description="hard negatives of each training query, from the data's column negatives; all "
        "queries of a batch are scored against them; 0 ignores the column",
    )
    max_bad_share: Share = Field(
        0.05, description="a file with a larger share of unreadable rows is refused"
    )
    seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of splits and of mining's sample")

    @model_validator(mode="after")
    def _one_source(self) -> "DataSection":
        if (self.path is None) == (not self.mine):
            raise ValueError(
                "give either data.path (pairs) or data.mine (source folders), not both or neither"
            )
        return self

    @model_validator(mode="after")
    def _negatives_are_given(self) -> "DataSection":
        if self.negatives and self.mine:
            raise ValueError(
                "data.negatives: mined pairs come without hard negatives: set it to 0, or give "
                "data.path"
            )
        return self


class EncoderSection(Section):
    """The model that turns queries and functions into vectors."""

    kind: Literal["static", "transformer"] = Field(
        "static", description="static: bag of tokens; transformer: a pretrained model"
    )
    model: str | None = Field(
        None, description="Hugging Face or sentence-transformers folder or id (transformer only)"
    )
    pooling: Literal["auto", "mean", "cls", "pooler"] = Field(
        "auto", description="auto: what the model's folder says, else mean"
    )
    similarity: Literal["cosine", "dot"] = Field(
        "cosine",
        description="of query and function vectors; cosine with loss.temperature 0.05 is the "
        "cos x 20 of UniXcoder's own code, dot with 1 what the paper's code makes of it",
    )
    max_length: int = Field(256, ge=8, le=8192, description="tokens kept of a query or a function")
    dimensions: int = Field(128, ge=8, le=4096, description="vector size of the static encoder")
    vocabulary: int = Field(
        8000,
        ge=300,
        le=200_000,
        description="tokens of the static encoder, trained on the training split",
    )

    @model_validator(mode="after")
    def _model_where_needed(self) -> "EncoderSection":
        if self.kind == "transformer" and self.model is None:
            raise ValueError("encoder.kind: transformer needs encoder.model, a folder or a hub id")
        if self.kind == "static" and self.model is not None:
            raise ValueError(
                "encoder.model belongs to encoder.kind: transformer; "
                "the static encoder is trained from scratch"
            )
        return self


class LossSection(Section):
    """The contrastive loss; all but infonce read what ``weights.estimator`` finds relevant."""

    name: LossName = Field(
        "soft-infonce",
        description="infonce: Eq. 1; soft-infonce: Eq. 3; weighted-infonce: Eq. 13; bce; "
        "kl-infonce: section 6; top-k, dynamic-threshold: false-negative cancellation, section 4",
    )
    temperature: float = Field(0.05, gt=0, le=100, description="logits = similarity / temperature")
    symmetric: bool = Field(
        default=False, description="also from functions to queries (infonce, soft-infonce)"
    )
    clamp_logits_min: float | None = Field(
        None,
        ge=-1e6,
        le=1e6,
        description="least logit; 0 is what the paper's appendix B.1 says of dot products and no "
        "code of its does; null: none",
    )
    kl_coefficients: Literal["paper", "official"] = Field(
        "paper",
        description="of kl-infonce: paper: infonce_weight and kl_weight (section 6: 1.3, 0.7); "
        "official: weights.beta for InfoNCE and weights.alpha for KL, as the paper's code has it",
    )
    infonce_weight: float = Field(1.3, gt=0, le=100, description="of kl-infonce: factor of InfoNCE")
    kl_weight: float = Field(0.7, ge=0, le=100, description="of kl-infonce: factor of the KL term")
    top_k: int = Field(
        1, ge=0, le=999_999, description="of top-k: most relevant negatives dropped from each query"
    )
    ratio: float = Field(
        0.5,
        gt=0,
        le=1000,
        description="of dynamic-threshold: negatives from this share of the own relevance are "
        "dropped",
    )
    normalize_target: bool = Field(
        default=False, description="of weighted-infonce: targets sum to 1 instead of 2"
    )
    bce_negatives: Literal["all", "negatives"] = Field(
        "all",
        description="of bce: all: softmax over all candidates (the paper's text and code); "
        "negatives: over the negatives alone (its appendix B.2)",
    )

    @model_validator(mode="after")
    def _symmetric_where_defined(self) -> "LossSection":
        if self.symmetric and self.name not in ("infonce", "soft-infonce"):
            raise ValueError(
                f"loss.symmetric is for infonce and soft-infonce, loss.name is {self.name}: "
                "set loss.symmetric to false"
            )
        return self


class BM25Section(Section):
    """How BM25 reads the docstrings."""

    variant: Literal["okapi", "official", "lucene"] = Field(
        "okapi",
        description="okapi: as rank_bm25; official: the paper's code, whose idf can be negative; "
        "lucene: never negative",
    )
    documents: Literal["queries", "codes"] = Field(
        "queries",
        description="queries: docstrings against docstrings, as the paper's code and appendix D.2; "
        "codes: against code, as its section 3.2; a hard negative without a docstring scores the "
        "mean of the others under queries",
    )
    tokens: Literal["auto", "words", "docstring_tokens", "subwords"] = Field(
        "auto",
        description="terms: words: lower-cased; docstring_tokens: those of the data as they are; "
        "subwords: of the encoder's tokenizer, as the paper's code; auto: words, or subwords for "
        "official",
    )

    @property
    def terms(self) -> Literal["words", "docstring_tokens", "subwords"]:
        """What counts as a term."""
        if self.tokens != "auto":
            return self.tokens
        return "subwords" if self.variant == "official" else "words"


class TeacherSection(Section):
    """The frozen model, trained with InfoNCE by the study itself, that estimates relevance."""

    epochs: int | None = Field(None, ge=1, description="of the teacher; null: optim.epochs")
    score: Literal["dot", "cosine"] = Field(
        "cosine", description="of its query and code vectors; dot: the paper, whose t = 5 fits it"
    )


class SimCSESection(Section):
    """The frozen docstring encoder, trained by the study itself with dropout as the only noise.

    What is null is the recipe's.
    """

    recipe: Literal["official", "paper"] = Field(
        "official",
        description="official: 10 epochs, batches of 256, learning rate 5e-4, temperature 0.07, as "
        "the paper's code; paper: 1, 64, 3e-5, 0.05, SimCSE's own, which the paper names",
    )
    model: str = Field(
        "sentence-transformers/msmarco-distilbert-dot-v5", description="what its training starts at"
    )
    epochs: int | None = Field(None, ge=1, le=9_999, description="passes over the training queries")
    batch_size: int | None = Field(None, ge=2, le=1_000_000, description="queries of a batch")
    learning_rate: float | None = Field(None, gt=0, le=10, description="peak of the schedule")
    temperature: float | None = Field(None, gt=0, le=100, description="of its InfoNCE")
    max_length: int = Field(128, ge=8, le=8192, description="tokens kept of a query")
    max_steps: int | None = Field(None, ge=1, description="most steps of an epoch, for a short try")

    def setting(self, name: str) -> Any:  # noqa: ANN401  (a number; its field tells which)
        """Return epochs, batch_size, learning_rate or temperature: its own, or the recipe's."""
        own = getattr(self, name)
        return SIMCSE_RECIPES[self.recipe][name] if own is None else own


SIMCSE_RECIPES: dict[str, dict[str, float]] = {
    "official": {"epochs": 10, "batch_size": 256, "learning_rate": 5e-4, "temperature": 0.07},
    "paper": {"epochs": 1, "batch_size": 64, "learning_rate": 3e-5, "temperature": 0.05},
}


class DuplicatesSection(Section):
    """What exact and near duplicates of a query or its function weigh in Soft-InfoNCE."""

    weight: Literal["mask", "floor"] = Field(
        "mask", description="mask: 0, the pair is left out; floor: weights.floor"
    )


class MixtureSection(Section):
    """Shares of the estimators in a mixture; only their ratios matter."""

    bm25: float = Field(1.0, ge=0, le=1000, description="share of BM25")
    teacher: float = Field(1.0, ge=0, le=1000, description="share of the teacher")
    simcse: float = Field(0.0, ge=0, le=1000, description="share of SimCSE")
    duplicates: float = Field(0.0, ge=0, le=1000, description="share of the duplicates")
    self: float = Field(
        0.0, ge=0, le=1000, description="share of the trained encoder's own similarities"
    )


class WeightsSection(Section):
    """The weight of each negative (Eq. 4)."""

    estimator: EstimatorName = Field(
        "bm25",
        description="what estimates that a negative is relevant; teacher: a frozen model, as the "
        "paper says; self: the trained encoder's own similarities, as its code does",
    )
    alpha: float = Field(
        1.0, ge=0, le=100, description="strength of the correction; 0 leaves InfoNCE"
    )
    beta: float = Field(1.0, gt=0, le=100, description="uniform part; only alpha / beta matters")
    temperature: float = Field(
        1.0, gt=0, le=1000, description="the paper's t: relevance is divided by it"
    )
    scale: Literal["raw", "standardised"] = Field(
        "standardised",
        description="standardised: scores over their standard deviation in the batch",
    )
    floor: float | None = Field(
        0.1,
        ge=0,
        lt=1,
        description="least weight (the paper's appendix C.2); null leaves Eq. 4 unclamped",
    )
    renormalise: bool = Field(
        default=False,
        description="weights sum to the number of negatives again after the floor; neither the "
        "paper nor its code does it",
    )
    bm25: BM25Section = BM25Section()
    teacher: TeacherSection = TeacherSection()
    simcse: SimCSESection = SimCSESection()
    duplicates: DuplicatesSection = DuplicatesSection()
    mixture: MixtureSection = MixtureSection()

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the estimators that are asked: one, or those with a share in the mixture."""
        if self.estimator != "mixture":
            return (self.estimator,)
        return tuple(name for name, share in self.mixture.model_dump().items() if share > 0)

    @property
    def prepared_parts(self) -> tuple[str, ...]:
        """Those parts that a batch can be judged by before the encoder has seen it."""
        return tuple(name for name in self.parts if name != "self")

    @property
    def own_share(self) -> float:
        """The say of the encoder in training, 0 to 1."""
        if self.estimator != "mixture":
            return float(self.estimator == "self")
        shares: dict[str, float] = self.mixture.model_dump()
        return shares["self"] / sum(shares.values())

    @model_validator(mode="after")
    def _mixture_of_something(self) -> "WeightsSection":
        if self.estimator == "mixture" and not any(self.mixture.model_dump().values()):
            raise ValueError(
                "weights.mixture: all shares are 0: give one estimator a share above 0"
            )
        return self

    @model_validator(mode="after")
    def _floor_where_used(self) -> "WeightsSection":
        is_floored = self.estimator == "duplicates" and self.duplicates.weight == "floor"
        if is_floored and self.floor is None:
            raise ValueError(
                "weights.duplicates.weight: floor needs weights.floor, which is null: give a "
                "number, or use mask"
            )
        return self


class OptimSection(Section):
    """Training of one encoder."""

    epochs: int = Field(
        4,
        ge=1,
        le=9_999,
        description="passes over the training pairs; ASHA may stop earlier; the paper has 30, its "
        "code's README 10 for CodeBERT and UniXcoder",
    )
    batch_size: int = Field(
        128,
        ge=2,
        le=1_000_000,
        description="pairs of a batch over all workers = candidates of each query",
    )
    learning_rate: float = Field(1e-3, gt=0, le=10, description="peak of the schedule")
    warmup_share: Share = Field(
        0.1, description="share of the steps with rising learning rate, then linear decay to 0"
    )
    weight_decay: float = Field(0.0, ge=0, le=1, description="of AdamW")
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    max_steps: int | None = Field(None, ge=1, description="most steps of an epoch, for a short try")
    precision: Literal["fp32", "bf16"] = Field(
        "fp32", description="of the encoder's forward pass; the loss is always at least fp32"
    )
    init_from_teacher: bool = Field(
        default=False,
        description="every trial starts from the weights of the study's teacher, as in the paper's "
        "code by accident",
    )
    deterministic: bool = Field(
        default=True, description="the same seed gives the same metrics on the same machine"
    )
    seed: int = Field(
        1234,
        ge=0,
        le=2**31 - 1,
        description="of initial weights and batch order; one for all trials of a search; the "
        "paper has 1234, 12345 and 123456",
    )


class AshaSection(Section):
    """Early stopping of weak trials."""

    enabled: bool = Field(default=True, description="stop trials that trail at the same epoch")
    grace_epochs: int = Field(
        1, ge=1, description="no trial stops before this epoch has been reported"
    )
    reduction: float = Field(3.0, gt=1, description="about one in this many trials passes a rung")


class SearchSection(Section):
    """What is tried, how often, and what decides."""

    name: str | None = Field(
        None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$", description="the study's name"
    )
    metric: MetricName = Field("mrr", description="of the validation split; the best epoch counts")
    trials: int = Field(
        20, ge=1, le=100_000, description="trials that end; repeats of a known point do not count"
    )
    time_budget_s: float | None = Field(
        None, gt=0, description="the search stops after this time and can be continued"
    )
    space: dict[str, Any] = Field(
        default_factory=dict, description="dimensions by path, see the README"
    )
    always_try: Literal["paper", "infonce"] = Field(
        "paper", description="paper: InfoNCE and the settings of Table 7 come first"
    )
    n_startup_trials: int = Field(10, ge=1, description="trials before the fitted sampler proposes")
    infonce_share: Share = Field(
        0.2, description="least share of trials for InfoNCE, when it has dimensions of its own"
    )
    weighted_share: Share = Field(
        0.5, description="least share of trials for losses with weights, when InfoNCE is searched"
    )
    asha: AshaSection = AshaSection()
    seed: int = Field(0, ge=0, le=2**31 - 1, description="of the sampler")
    noise_seed: int = Field(
        4321,
        ge=0,
        le=2**31 - 1,
        description="training seed of InfoNCE's second run, which shows the noise",
    )
    keep_top: int = Field(3, ge=1, description="trials whose weights are kept")


class ResourcesSection(Section):
    """What a trial may use."""

    executor: Literal["auto", "inline", "train"] = Field(
        "auto", description="train: Ray Train workers; inline: inside the trial's actor"
    )
    workers: int = Field(1, ge=1, le=1024, description="training workers of a trial")
    cpus_per_worker: float = Field(1, gt=0, description="CPU cores of a worker")
    gpus_per_worker: float = Field(0, ge=0, description="GPUs of a worker; a fraction shares one")
    memory_gb_per_trial: float = Field(1.5, gt=0, description="bounds how many trials run at once")
    max_concurrent: int | None = Field(
        None, ge=1, description="trials at once; null: what the resources allow"
    )
    autoscaling: bool = Field(
        default=False,
        description="the cluster grows on demand: what it has now does not bound max_concurrent",
    )
    wait_timeout_s: float = Field(
        60, gt=0, description="a trial that waits longer for its resources is reported"
    )
    cache: str | None = Field(
        None, description="folder of tokens and vectors; null: inside the study"
    )
    storage_path: str | None = Field(
        None,
        description="folder that all nodes of a cluster see: uploaded data and studies lie there",
    )
    driver_cpus: float = Field(
        1,
        ge=0,
        description="CPU cores that softnce submit reserves for the search itself; 0: none, and "
        "it runs on the head node",
    )

    @model_validator(mode="after")
    def _storage_is_a_folder(self) -> "ResourcesSection":
        path = self.storage_path
        if path is not None and not path.startswith("/"):
            raise ValueError(
                f"resources.storage_path: {path} is no absolute folder; name one that all nodes "
                "see under the same path (mount a bucket to use it)"
            )
        return self


class TrackingSection(Section):
    """Where trials are logged."""

    uri: str | None = Field(
        None,
        description="MLflow URI; null: MLFLOW_TRACKING_URI, else sqlite in the study folder",
    )
    experiment: str | None = Field(
        None, description="MLflow experiment; null: MLFLOW_EXPERIMENT_NAME, else softnce/<study>"
    )


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

    @property
    def models(self) -> frozenset[str]:
        """Names of what must be prepared for this one run: estimators, and a teacher to start at.

        InfoNCE asks no estimator.
        """
        asked = self.weights.parts if self.loss.name != "infonce" else ()
        return frozenset(asked) | ({"teacher"} if self.optim.init_from_teacher else set())

    @property
    def negatives(self) -> int:
        """How many negatives each query meets: N - 1 of Eq. 4, hard negatives included."""
        return self.optim.batch_size * (1 + self.data.negatives) - 1

    @model_validator(mode="after")
    def _weights_have_a_domain(self) -> "Config":
        alpha, beta, negatives = self.weights.alpha, self.weights.beta, self.negatives
        is_eq_4 = self.loss.name == "soft-infonce" and self.weights.estimator != "duplicates"
        if is_eq_4 and beta * negatives <= alpha:
            raise ValueError(
                f"alpha={alpha:g} with beta={beta:g} needs more than {alpha / beta:g} negatives "
                f"a query, the batch has {negatives}: raise optim.batch_size, or lower "
                "weights.alpha"
            )
        return self

    @model_validator(mode="after")
    def _negatives_are_left(self) -> "Config":
        negatives = self.negatives
        if self.loss.name == "top-k" and self.loss.top_k >= negatives:
            raise ValueError(
                f"loss.top_k={self.loss.top_k} leaves none of {negatives} negatives: lower "
                "loss.top_k, or raise optim.batch_size"
            )
        is_over_negatives = self.loss.name == "bce" and self.loss.bce_negatives == "negatives"
        if is_over_negatives and negatives < 2:
            raise ValueError(
                "loss.bce_negatives: negatives needs 2 negatives a query, the batch has 1: raise "
                "optim.batch_size"
            )
        return self

    @model_validator(mode="after")
    def _workers_fit(self) -> "Config":
        workers, gpus = self.resources.workers, self.resources.gpus_per_worker
        if workers > 1 and 0 < gpus < 1:
            raise ValueError(
                "resources.gpus_per_worker: a fraction of a GPU needs resources.workers: 1"
            )
        if self.resources.executor == "inline" and workers > 1:
            raise ValueError(
                "resources.executor: inline trains in one process; use train for several workers"
            )
        if self.optim.batch_size % workers:
            raise ValueError(
                f"optim.batch_size {self.optim.batch_size} does not divide among {workers} workers"
            )
        return self
