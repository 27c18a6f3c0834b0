"""How a job that did not end by itself is told: in one line, never in Ray's own page."""

import pytest
from ray.dashboard.modules.job.pydantic_models import JobDetails

from cluster.jobs import failure_without_code

PAGE = """Job supervisor actor died: The actor died unexpectedly before finishing this task.
\tclass_name: JobSupervisor
\tactor_id: 2cd0
The actor died because its node has died. Node Id: 0f6a
\tthe actor's node was terminated unexpectedly: health check failed
"""


def failed(error_type):
    return JobDetails(
        type="SUBMISSION",
        submission_id="softnce-tiny-1",
        status="FAILED",
        entrypoint="softnce search",
        message=PAGE,
        error_type=error_type,
    )


@pytest.mark.parametrize(
    ("error_type", "said", "code"),
    [
        ("JOB_SUPERVISOR_ACTOR_DIED", "its node died, or was taken away; the same command", 1),
        ("JOB_SUPERVISOR_ACTOR_UNSCHEDULABLE", "did not start it in time; see whether", 3),
        ("JOB_SUPERVISOR_ACTOR_START_TIMEOUT", "did not start it in time; see whether", 3),
        ("RUNTIME_ENV_SETUP_FAILURE", "could not be set up on the node; ray job status", 3),
        ("JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE", "Ray gave it up; ray job status softnce-tiny", 1),
        (None, "Ray gave it up; ray job status softnce-tiny-1 tells what Ray saw", 1),
    ],
)
def test_a_job_without_an_exit_code_is_told_in_one_line_of_our_own(error_type, said, code):
    reason = failure_without_code("softnce-tiny-1", failed(error_type))
    assert str(reason).startswith("job softnce-tiny-1: ")
    assert said in str(reason)
    assert "actor" not in str(reason)
    assert "\n" not in str(reason)
    assert reason.exit_code == code
