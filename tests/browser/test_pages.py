"""What a person sees of a run: TensorBoard, tab by tab, and the report.

SCREENSHOTS=DIR keeps a picture of each.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.page import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

# Plugin of TensorBoard, and what it must show.
TABS = {
    "timeseries": ("train_loss", "val_f1", "test_f1", "images_per_second", "data_wait_share"),
    "custom_scalars": ("Training and validation", "loss", "accuracy"),
    "images": ("train_images", "test/confusion_matrix"),
    "graphs": ("LeNet", "2\u00d71\u00d78\u00d78", "2\u00d710"),
    "histograms": ("weights", "gradients"),
    "text": ("config/text_summary", "environment/text_summary", "val", "test"),
    "pr_curves": ("test/pr/0", "test/pr/9"),
    "hparams": ("model.network", "LeNet", "val_f1", "test_acc", "test_f1"),
    "projector": ("Points:", "359", "Dimension:", "2 tensors found"),
}


@pytest.fixture(scope="module")
def board(page: Page, tensorboard: str) -> Iterator[Page]:
    """Give TensorBoard in the browser."""
    page.open(tensorboard)
    return page


@pytest.mark.parametrize("tab", TABS)
def test_a_tab_shows_what_it_is_to_show(board: Page, tab: str) -> None:
    board.click(f"[data-plugin-id={tab}]")
    try:
        board.wait_for_texts(*TABS[tab])
    finally:
        board.keep(tab)
    assert not board.errors()


def test_pictures_are_drawn(board: Page) -> None:
    board.click("[data-plugin-id=images]")
    board.wait(lambda: len(board.images()) >= 4 and all(board.images().values()), "pictures that are not drawn")


def test_hyperparameters_stand_beside_the_metrics_of_the_test(board: Page, run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    board.click("[data-plugin-id=hparams]")
    board.wait_for_texts(*(f"{metrics[name]:#.5g}" for name in ("test_f1", "test_acc")))


def test_the_report_shows_all_its_pictures(page: Page, run: Path) -> None:
    page.errors()
    page.open((run / "report.html").as_uri())
    page.wait_for_texts("Metrics", "Confusion matrix", "Most confused")
    assert len(page.images()) >= 8
    assert all(page.images().values())
    assert not page.errors()
    page.keep("report")
