"""What can go wrong: a run that stops before it starts, and an attempt that gives nothing."""

from __future__ import annotations

from enum import Enum


class Stop(Enum):
    """Why a run stops before any picture is made; the value is the exit code of `python -m remedia_worker`."""

    NOTHING_FOUND = 10
    WRONG_RUN = 11
    INCOMPLETE = 12
    HASH_MISMATCH = 13
    NO_GPU = 14
    BAD_ORDER = 15
    INSTALL_FAILED = 16
    MODEL_MISSING = 17
    UNSAFE_ARCHIVE = 18
    WORKERS_DIED = 19
    INTERNAL = 1

    @property
    def code(self) -> str:
        """The name in documents and events."""
        return self.name.lower()


class WorkerStopped(RuntimeError):
    """The run cannot be done here. Nothing was spent but seconds."""

    def __init__(self, stop: Stop, text: str, retryable: bool = True) -> None:
        super().__init__(f"remedia stops ({stop.code}): {text}")
        self.stop = stop
        self.text = text
        self.retryable = retryable
        """Whether another session, given the same, may do better."""


def as_stop(error: Exception) -> WorkerStopped:
    """An error that ends a run as the stop that is told; what nobody planned for may pass in another session."""
    if isinstance(error, WorkerStopped):
        return error
    return WorkerStopped(Stop.INTERNAL, f"{type(error).__name__}: {error}"[:400])


class Code(str, Enum):
    """Why an attempt gave nothing, or not what was asked for: the part of remedia's closed list that a worker uses."""

    OUT_OF_MEMORY = "out_of_memory"
    NAN_LATENTS = "nan_latents"
    PROMPT_SCORE = "prompt_score"
    BAD_INPUT = "bad_input"
    MODEL_MISSING = "model_missing"
    DEADLINE = "deadline"
    INTERNAL = "internal"
    MASK_REFUSED = "mask_refused"

    @property
    def another_may_succeed(self) -> bool:
        """Whether the next attempt of the ladder is worth its time in this session."""
        return self not in (Code.BAD_INPUT, Code.MODEL_MISSING, Code.DEADLINE)


class DeviceLost(Exception):
    """The GPU does nothing more in this process, whatever it is asked: another process has to go on."""


class AttemptFailed(Exception):
    """An attempt that gives nothing."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
