import pytest

from litclassify.cli.config.keys import as_typed, same_class, short_name


def test_a_key_as_typed_has_no_init_args() -> None:
    assert as_typed("model.init_args.network.init_args.width") == "model.network.width"
    assert as_typed("model.init_argsx.dict_kwargs.width") == "model.init_argsx.width"


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("torch.optim.AdamW", "AdamW", True),
        ("AdamW", "torch.optim.AdamW", True),
        ("AdamW", "AdamW", True),
        ("torch.optim.AdamW", "mine.AdamW", False),
        ("torch.optim.AdamW", "Adam", False),
    ],
)
def test_a_class_is_the_same_under_its_short_name(a: str, b: str, same: bool) -> None:
    assert same_class(a, b) == same
    assert (short_name(a) == short_name(b)) or not same
