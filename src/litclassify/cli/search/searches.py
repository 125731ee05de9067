"""The searches of a `fit`."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jsonargparse import Namespace
from lightning.pytorch.utilities import rank_zero_info

from litclassify.cli.search.batch_size import SECONDS, SMALLEST, BatchSizeSearch, check_size_search, search_size
from litclassify.cli.search.learning_rate import (
    HIGHEST,
    LOWEST,
    STEPS,
    RateSearch,
    apply_rates,
    check_rate_search,
    rates_in,
    search_rate,
    stored_rates,
)
from litclassify.cli.trainer.console import quiet_trials
from litclassify.cli.trainer.errors import refusals_explained


class Searches:
    """Short trainings with objects of their own, for values of a `fit`; no random number is drawn for the run.

    Args:
        config: Of the `fit`.
        build: Gives model, data and arguments of the Trainer, by what is in `config` when it is called.
        set_seed: Sets the seeds of the run.
        resumes: Whether the run goes on from a checkpoint.
    """

    def __init__(
        self, config: Namespace, build: Callable[[], Namespace], set_seed: Callable[[], None], *, resumes: bool
    ) -> None:
        self.config = config
        self.resumes = resumes
        self.done: list[BatchSizeSearch | RateSearch] = []
        """Those whose result the config holds."""
        self._build = build
        self._set_seed = set_seed

    def check(self) -> None:
        """Refuse searches that the config asks for, if nothing would take their result.

        Raises:
            UserError: There is one.
        """
        if self.config.find_batch_size:
            check_size_search(self.config, resumes=self.resumes)
        if self.config.find_lr:
            check_rate_search(self.config, resumes=self.resumes)

    def run(self) -> None:
        """Put what is found in place of the config's values; the rate comes last, as it goes by the batch size."""
        self.check()
        if self.config.find_batch_size:
            self.take_batch_size()
        if self.config.find_lr:
            self._take_rate()

    def take_stored(self, stored: Mapping[str, Any]) -> None:
        """Go on with the values that the run began with: its first part has searched.

        Args:
            stored: Configuration of that part.
        """
        if self.config.find_batch_size:
            self._train_with_size(stored["data"]["init_args"]["batch_size"])
        if self.config.find_lr:
            self._train_with_rates(stored_rates(stored))

    def batch_size(self, smallest: int = SMALLEST, seconds: float = SECONDS) -> BatchSizeSearch:
        """Search for a batch size; arguments as of `search_size`."""
        check_size_search(self.config, resumes=self.resumes)
        before = self.config.data.init_args.batch_size
        with self._trials():
            search = search_size(self._parts_with, smallest, seconds)
        self.config.data.init_args.batch_size = before
        return search

    def rate(self, lowest: float = LOWEST, highest: float = HIGHEST, steps: int = STEPS) -> RateSearch:
        """Search for a learning rate; arguments as of `search_rate`."""
        check_rate_search(self.config, resumes=self.resumes)
        with self._trials():
            return search_rate(self._build(), self.config, lowest, highest, steps)

    def take_batch_size(self) -> None:
        """Put the batch size that is found in place of the config's."""
        search = self.batch_size()
        self._train_with_size(search.found)
        self.done.append(search)
        kept = "" if self.config.find_lr else self._kept_rates()
        rank_zero_info(f"find_batch_size: {search.flags}{kept}")

    @contextmanager
    def _trials(self) -> Iterator[None]:
        with quiet_trials(), refusals_explained(self.config.trainer, resumed=False):
            yield
            # What is compiled is for batches of any size by now, and keeps the memory of its CUDA graphs.
            torch.compiler.reset()
            self._set_seed()

    def _take_rate(self) -> None:
        search = self.rate()
        self._train_with_rates(search.found)
        self.done.append(search)
        rank_zero_info(f"find_lr: {search.flags}")

    def _kept_rates(self) -> str:
        rates = ", ".join(f"{key} {rate}" for key, rate in rates_in(self.config.model.init_args.optimizer).items())
        told = f" (the learning rate is left as it is: {rates}; --find_lr true searches for one that goes with it)"
        return told if rates else ""

    def _parts_with(self, batch_size: int) -> Namespace:
        self._set_seed()
        self.config.data.init_args.batch_size = batch_size
        return self._build()

    def _train_with_size(self, batch_size: int) -> None:
        self.config.data.init_args.batch_size = batch_size
        self.config.find_batch_size = False

    def _train_with_rates(self, rates: Mapping[str, float]) -> None:
        apply_rates(self.config.model.init_args.optimizer, rates)
        self.config.find_lr = False
