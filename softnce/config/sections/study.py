"""Search, resources and tracking: how a study runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_validator

from softnce.config.profiles import PROFILES
from softnce.config.sections.section import Section, Share
from softnce.errors import InvalidSettingError
from softnce.evaluation.metric_names import RetrievalMetric
from softnce.secret import holds_password

if TYPE_CHECKING:
    ProfileName = str
else:  # the table tells which
    ProfileName = Literal[tuple(PROFILES)]


class AshaSection(Section):
    """Early stopping of weak trials."""

    enabled: bool = Field(
        default=True,
        description="Whether trials that trail the others at the same epoch are stopped early; "
        "the first points, InfoNCE and the paper's own settings, run to their end.",
    )
    grace_epochs: int = Field(
        1,
        ge=1,
        description="Number of epochs that every trial may finish before it can be stopped.",
    )
    reduction: float = Field(
        3.0, gt=1, description="About one in this many trials goes on after each stopping point."
    )


class SearchSection(Section):
    """What is tried, how often, and what decides."""

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="Name of the study, which also names its folder.",
    )
    metric: RetrievalMetric = Field(
        "mrr",
        description="Metric of the validation split that decides; a trial's best epoch counts.",
    )
    average: Literal["queries", "languages"] = Field(
        "queries",
        description="What a validation metric is the mean of: queries; languages: the means of "
        "each programming language, which then count the same however many queries they have.",
    )
    trials: int = Field(
        20,
        ge=1,
        le=100_000,
        description="Number of trials of the study; repeats of a known point do not count.",
    )
    time_budget_s: float | None = Field(
        None,
        gt=0,
        description="Seconds after which the search stops; it can be continued later. Null: no "
        "limit.",
    )
    max_gpu_hours: float | None = Field(
        None,
        gt=0,
        description="GPU hours of the study, all its searches together, after which it stops; it "
        "can be continued with more. Null: no limit.",
    )
    space: dict[str, Any] = Field(
        default_factory=dict,
        description="Dimensions of the search space by the path of their setting, as in "
        "docs/search-spaces.md.",
    )
    always_try: Literal["paper", "infonce", "recipes"] = Field(
        "paper",
        description="Points that are tried first: infonce: InfoNCE alone; paper: InfoNCE and the "
        "settings of the paper's Table 7; recipes: InfoNCE and each shipped recipe.",
    )
    points: tuple[dict[str, Any], ...] = Field(
        (),
        description="Points of one's own that are tried first, in place of those of always_try: "
        "values by the path of their setting. With an empty space they are the whole study.",
    )
    score_test: bool = Field(
        default=False,
        description="Whether the best epoch of each complete trial is scored on the test split "
        "too, as published tables have it; what is chosen by that has no unread split left.",
    )
    n_startup_trials: int = Field(
        10,
        ge=1,
        description="Number of random trials before the sampler proposes points from a fitted "
        "model.",
    )
    sampler: Literal["tpe", "gp"] = Field(
        "tpe",
        description="What proposes values after the random trials: tpe: a tree of Parzen "
        "estimators; gp: a Gaussian process, for spaces without conditions and without "
        "search.asha.",
    )

    infonce_share: Share = Field(
        0.5,
        description="Least share of the trials that try InfoNCE, where something is searched that "
        "it reads; with less than half it has fewer tries than the losses it is compared with.",
    )
    weighted_share: Share = Field(
        0.5,
        description="Least share of the trials that try the other losses.",
    )
    confirm: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether the search ends with the best configurations trained anew on fresh "
        "seeds and judged on the test split; auto: where that takes at most half as long as the "
        "search took.",
    )
    confirm_seeds: int = Field(
        5, ge=2, le=1000, description="Number of fresh seeds of a confirmation."
    )
    smallest_gain: float = Field(
        0.005, gt=0, lt=1, description="Smallest gain in MRR that is worth having."
    )
    max_validation_queries: int | None = Field(
        None,
        ge=1,
        description="Most validation queries that trials look at, a fixed sample; null: as many as "
        "keep validation at a fifth of a trial or less, 100 at least (static: 500). A confirmation "
        "asks all.",
    )
    max_validation_candidates: int | None = Field(
        None,
        ge=1,
        description="Most candidates that they are ranked against, a fixed sample; null: as for "
        "the queries, 200 at least (static: 1000).",
    )
    max_parameters: int | None = Field(
        None,
        ge=1,
        description="Most parameters of an encoder that may become the champion; null: no limit.",
    )
    max_encode_ms: float | None = Field(
        None,
        gt=0,
        description="Most milliseconds that its encoding of one query may take (median, one at a "
        "time, on the machine that trains it); null: no limit.",
    )
    asha: AshaSection = AshaSection()
    seed: int = Field(
        0, ge=0, le=2**31 - 1, description="Seed of the sampler that proposes the trials."
    )
    noise_seed: int = Field(
        4321,
        ge=0,
        le=2**31 - 1,
        description="Training seed of InfoNCE's second run, whose difference from the first is "
        "the noise.",
    )
    keep_top: int = Field(
        3, ge=1, description="Number of best trials whose trained weights are kept."
    )

    @model_validator(mode="after")
    def _sampler_sees_all_trials(self) -> "SearchSection":
        if self.sampler == "gp" and self.asha.enabled:
            raise InvalidSettingError(
                "search.sampler: gp learns from complete trials only, so those that ASHA stops "
                "would teach it nothing",
                "set search.asha.enabled to false, or search.sampler to tpe",
            )
        return self


class ResourcesSection(Section):
    """What a trial may use."""

    profile: ProfileName | None = Field(
        None,
        description="Kind of GPU whose profile fills in what is not set: precision, packing, "
        "tokens of a pass, workers and their cores; never the batch. Null: none.",
    )

    executor: Literal["auto", "inline", "train"] = Field(
        "auto",
        description="Where a trial trains: train: in Ray Train workers; inline: in the trial's "
        "own process; auto: inline for one worker without a GPU, else train.",
    )
    workers: int = Field(1, ge=1, le=1024, description="Number of training workers per trial.")
    cpus_per_worker: float = Field(1, gt=0, description="Number of CPU cores per worker.")
    gpus_per_worker: float = Field(
        0,
        ge=0,
        description="Number of GPUs per worker; with a fraction several trials share one GPU.",
    )
    memory_gb_per_trial: float = Field(
        1.5,
        gt=0,
        description="Gigabytes of memory per trial; they bound how many trials run at once.",
    )
    max_concurrent: int | None = Field(
        None,
        ge=1,
        description="Most trials that run at once; null: as many as the resources allow.",
    )
    autoscaling: bool = Field(
        default=False,
        description="Whether the cluster grows on demand, so that its present size bounds nothing.",
    )
    wait_timeout_s: float = Field(
        60,
        gt=0,
        description="Seconds that a trial may wait for its resources before the search reports it.",
    )
    cache: str | None = Field(
        None,
        description="Folder of the shared tokens and vectors; null: a folder inside the study.",
    )
    storage_path: str | None = Field(
        None,
        description="Folder that all nodes of a cluster see, for uploaded data and studies.",
    )
    driver_cpus: float = Field(
        1,
        ge=0,
        description="CPU cores that softnce submit reserves for the search itself; 0: none, and "
        "the search runs on the head node.",
    )

    def cache_in(self, study: Path) -> Path:
        """Return the folder of tokens and vectors of the study in this folder."""
        return Path(self.cache).expanduser().resolve() if self.cache else study / "cache"

    @model_validator(mode="after")
    def _storage_is_a_folder(self) -> "ResourcesSection":
        path = self.storage_path
        if path is not None and not path.startswith("/"):
            raise InvalidSettingError(
                f"resources.storage_path: {path} is not an absolute path",
                "name one that all nodes see under the same path (mount a bucket to use it)",
            )
        return self


class TrackingSection(Section):
    """Where trials are logged."""

    uri: str | None = Field(
        None,
        description="URI of the MLflow store; null: MLFLOW_TRACKING_URI, else sqlite in the "
        "study's folder.",
    )
    experiment: str | None = Field(
        None,
        description="Name of the MLflow experiment; null: MLFLOW_EXPERIMENT_NAME, else "
        "softnce/<study>.",
    )
    query_texts: bool = Field(
        default=True,
        description="Whether the table of validation queries in MLflow and the report, which is "
        "sent there too, hold texts of queries and code; false: the numbers of their rows alone.",
    )

    @field_validator("uri")
    @classmethod
    def _uri_holds_no_password(cls, uri: str | None) -> str | None:
        """Refuse what would be stored with the study, and shown to all who may read it."""
        if uri is not None and holds_password(uri):
            raise InvalidSettingError(
                "holds a password, which every copy of the configuration would show",
                "give the address without it and set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or set the whole as MLFLOW_TRACKING_URI",
            )
        return uri
