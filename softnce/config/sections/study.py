"""Search, resources and tracking: how a study runs."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from softnce.config.sections.section import Section, Share

MetricName = Literal["mrr", "mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10"]


class AshaSection(Section):
    """Early stopping of weak trials."""

    enabled: bool = Field(
        default=True,
        description="stop trials that trail at the same epoch; the first points, InfoNCE and the "
        "paper's own settings, run to their end",
    )
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
    sampler: Literal["tpe", "gp"] = Field(
        "tpe",
        description="what proposes values after the start: tpe: a tree of Parzen estimators; gp: "
        "a Gaussian process, for spaces without conditions and without search.asha",
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

    @model_validator(mode="after")
    def _sampler_sees_all_trials(self) -> "SearchSection":
        if self.sampler == "gp" and self.asha.enabled:
            raise ValueError(
                "search.sampler: gp learns from complete trials only, so those that ASHA stops "
                "would teach it nothing: set search.asha.enabled to false, or search.sampler to tpe"
            )
        return self


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

    def cache_in(self, study: Path) -> Path:
        """Return the folder of tokens and vectors of the study in this folder."""
        return Path(self.cache).expanduser().resolve() if self.cache else study / "cache"

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
