"""The work on photos: their operations in order, each with its attempts until one gives what was asked for.

The first attempts of a batch's photos are made in one call of the model; every further attempt is made on its own.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from . import faults
from .diffusion import Draft, Outcome
from .documents import Attempt, Operation, Order, Photo
from .errors import AttemptFailed, Code, DeviceLost
from .making import InHand, Maker, adjusted_record
from .memory import first_line, free, is_device_lost, is_out_of_memory
from .results import failed_attempt

Report = Callable[[str, str, dict[str, Any]], None]
Item = tuple[InHand, Operation, Attempt]


class Worker:
    """Works on photos with the models of one device."""

    def __init__(self, task: dict[str, Any], order: Order, said: Callable[..., None]) -> None:
        self._deadline = float(task["deadline"])
        self._said = said
        self._maker = Maker(task, order.limits, said)

    def batch(self, photos: Sequence[Photo], report: Report, done: Callable[[InHand], None]) -> None:
        """Does every operation of photos that have the same ones; reports each attempt with its photo and its kind, and
        each photo when all is done. DeviceLost where the GPU can do nothing more.
        """
        hands = [InHand(photo) for photo in photos]
        for hand in hands:
            with hand.timed():
                faults.photo(hand.photo.photo_id, self._deadline)
        for index in range(max(1, *(len(photo.operations) for photo in photos))):
            refused = {hand.photo.photo_id: operation for hand, operation in self._firsts(hands, index, report)}
            for hand in hands:
                if hand.photo.photo_id in refused:
                    self._others(hand, refused[hand.photo.photo_id], report)
                if index + 1 == max(1, len(hand.photo.operations)):
                    done(hand)

    def _firsts(self, hands: Sequence[InHand], index: int, report: Report) -> list[tuple[InHand, Operation]]:
        """Makes the first attempts of an operation at once; gives those that another attempt may serve better."""
        operations = [(hand, one) for hand in hands for one in hand.photo.operations[index : index + 1]]
        firsts = [(hand, one, one.attempts[0]) for hand, one in operations if one.attempts]
        made = self._attempts(firsts, report)
        return [item[:2] for item, one in zip(firsts, made, strict=True) if _another_may_succeed(one)]

    def _others(self, hand: InHand, operation: Operation, report: Report) -> None:
        """Makes the attempts after the first, one by one, until one will do."""
        for attempt in operation.attempts[1:]:
            (made,) = self._attempts([(hand, operation, attempt)], report)
            if not _another_may_succeed(made):
                return

    def _attempts(self, items: Sequence[Item], report: Report) -> list[dict[str, Any]]:
        """Makes one attempt for each photo, and reports and gives their records, each as soon as its files are written.
        Nothing that befalls one of them harms the others.
        """
        if self._maker.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        before = [hand.seconds for hand, _, _ in items]
        made: dict[int, dict[str, Any]] = {}

        def answer(index: int, record: dict[str, Any]) -> None:
            hand, operation, _ = items[index]
            record["seconds"] = round(hand.seconds - before[index], 3)
            if self._maker.device.type == "cuda":
                record["peak_memory_bytes"] = int(torch.cuda.max_memory_allocated())
            made[index] = record
            report(hand.photo.photo_id, operation.kind, record)

        drafts: dict[int, Draft] = {}
        for index, item in enumerate(items):
            draft = self._guarded(item, partial(self._prepare, *item))
            if isinstance(draft, Draft):
                drafts[index] = draft
            else:
                answer(index, draft)
        outcomes = self._painted([items[index] for index in drafts], list(drafts.values())) if drafts else []
        for (index, draft), outcome in zip(drafts.items(), outcomes, strict=True):
            answer(index, self._guarded(items[index], partial(self._kept, items[index], draft, outcome)))
        return [made[index] for index in range(len(items))]

    def _prepare(self, hand: InHand, operation: Operation, attempt: Attempt) -> Draft | dict[str, Any]:
        """What the model is given; of a clip, which is made on its own, the record at once."""
        faults.attempt(attempt.number)
        if time.time() > self._deadline:
            raise AttemptFailed(Code.DEADLINE, "the time of the run was over")
        draft = self._maker.prepare(hand, operation, attempt)
        return _produced(attempt, self._maker.film(hand, attempt)) if draft is None else draft

    def _painted(self, items: Sequence[Item], drafts: Sequence[Draft]) -> list[Outcome | dict[str, Any]]:
        """Pictures, made in one call. Where that fails in a way that nobody knows, each is made on its own."""
        started = time.monotonic()
        try:
            faults.batch(len(drafts))
            return list(self._maker.paint(drafts))
        except AttemptFailed as failed:
            return [failed] * len(drafts)
        except Exception as error:
            _end_where_lost(error)
            record = failed_record(items[0][2], error)
            text = f"{type(error).__name__}: {error}"[:400]
        finally:
            share = (time.monotonic() - started) / len(drafts)
            for hand, operation, _ in items:
                hand.count(operation.kind, share)
        free()
        if len(drafts) == 1:
            return [record]
        self._said("batch_divided", photos=[hand.photo.photo_id for hand, _, _ in items], text=text)
        return [self._painted([item], [draft])[0] for item, draft in zip(items, drafts, strict=True)]

    def _kept(self, item: Item, draft: Draft, outcome: Outcome | dict[str, Any]) -> dict[str, Any]:
        """Writes a picture; gives the record."""
        if isinstance(outcome, AttemptFailed):
            raise outcome
        if isinstance(outcome, dict):
            return outcome
        picture, adjusted = outcome
        record = self._maker.finish(*item, draft, picture)
        return _produced(item[2], {**record, **adjusted_record(adjusted)})

    @staticmethod
    def _guarded(item: Item, step: Callable[[], Any]) -> Any:
        """What a step gives, or the record of its failure: one photo must not end the run."""
        try:
            return step()
        except Exception as error:
            _end_where_lost(error)
            record, short = failed_record(item[2], error), is_out_of_memory(error)
        if short:
            free()
        return record


def _produced(attempt: Attempt, record: dict[str, Any]) -> dict[str, Any]:
    return {"number": attempt.number, "seed": attempt.seed, "state": "produced", **record}


def failed_record(attempt: Attempt, error: Exception) -> dict[str, Any]:
    """The record of an attempt that an error ended."""
    if isinstance(error, AttemptFailed):
        return failed_attempt(attempt.number, attempt.seed, error.code.value, error.text)
    if is_out_of_memory(error):
        return failed_attempt(attempt.number, attempt.seed, Code.OUT_OF_MEMORY.value, first_line(error))
    place = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
    return failed_attempt(attempt.number, attempt.seed, Code.INTERNAL.value, text[:400])


def _end_where_lost(error: Exception) -> None:
    """DeviceLost after an error after which every further call fails as well: nothing may be blamed on other photos."""
    if is_device_lost(error):
        text = f"the GPU does nothing more in this process: {type(error).__name__}: {first_line(error)}"
        raise DeviceLost(text) from error


def _another_may_succeed(made: dict[str, Any]) -> bool:
    reason = made.get("reason")
    return reason is not None and Code(reason["code"]).another_may_succeed
