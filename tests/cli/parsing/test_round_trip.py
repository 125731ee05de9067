"""A printed config means what it was printed from."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import CONFIGS

from litclassify.cli import main

RECIPES = sorted(path.name for path in CONFIGS.glob("*.yaml"))
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Cn", "Co")), min_size=1, max_size=12)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "run_name": TEXTS.filter(lambda text: "$" not in text),
    "seed_everything": st.integers(0, 2**32 - 1),
    "trainer.max_epochs": st.integers(-1, 10**9),
    "trainer.precision": st.sampled_from(["32-true", "bf16-mixed", 32, "auto"]),
    "trainer.gradient_clip_val": st.none() | st.floats(0, 1e9),
    "data.init_args.batch_size": st.integers(1, 10**6),
    "data.init_args.seed": st.integers(0, 2**32 - 1),
    "early_stopping.init_args.patience": st.integers(0, 10**6),
    "checkpoint.init_args.filename": st.none() | TEXTS.filter(lambda text: "$" not in text),
}


@pytest.mark.slow
@settings(
    max_examples=4,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(recipe=st.sampled_from(RECIPES), values=st.fixed_dictionaries({}, optional=VALUES))
def test_a_printed_config_prints_itself(
    recipe: str, values: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    changes: dict[str, Any] = {}
    for key, value in values.items():
        *above, name = key.split(".")
        node = changes
        for part in above:
            node = node.setdefault(part, {})
        node[name] = value
    Path("changes.yaml").write_text(yaml.safe_dump(changes, allow_unicode=True), encoding="utf-8")
    files = [str(CONFIGS / recipe), "changes.yaml"]
    seen = []
    for _ in range(2):
        with pytest.raises(SystemExit, match="0"):
            main(["fit", *(word for file in files for word in ("--config", file)), "--print_config"])
        seen.append(capsys.readouterr().out)
        Path("printed.yaml").write_text(seen[-1], encoding="utf-8")
        files = ["printed.yaml"]
    assert seen[0] == seen[1]
