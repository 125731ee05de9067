from itertools import islice

import pytest
from tests.chaos.soak import soak

# Of three commands each. In the first rounds, libraries fill their caches and the allocator finds its size.
WARM_UP, ROUNDS = 7, 7
# Of a round. Measured: 0.05.
MAX_GROWTH_MIB = 0.5


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore:.*does not have many workers.*")
def test_short_trainings_and_predictions_in_one_process_leave_nothing_behind() -> None:
    uses = list(islice(soak(), WARM_UP + ROUNDS))
    before, after = uses[WARM_UP - 1], uses[-1]
    assert after.descriptors <= before.descriptors, uses
    assert after.threads <= before.threads, uses
    assert (after.mebibytes - before.mebibytes) / ROUNDS < MAX_GROWTH_MIB, uses
