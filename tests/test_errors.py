"""The words of exceptions, as they are shown."""

from litclassify.errors import reason_of


def test_what_torch_lists_of_its_own_functions_is_left_out() -> None:
    error = RuntimeError("size overflows\nException raised from unpack at numbers.h:79\nframe #0: c10::Error")
    assert reason_of(error) == "size overflows"


def test_an_object_is_named_by_its_class() -> None:
    error = ValueError("profiler=<lightning.pytorch.profilers.SimpleProfiler object at 0x7f9e03b19910> is refused")
    assert reason_of(error) == "profiler=SimpleProfiler is refused"
