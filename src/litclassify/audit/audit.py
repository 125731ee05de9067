"""An audit: every check of a data set, and what is left out for its findings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from litclassify.audit.balance import Counts, count_classes, find_balance_faults
from litclassify.audit.duplicates import find_duplicates
from litclassify.audit.exposure import find_exposure_faults
from litclassify.audit.files import find_file_faults
from litclassify.audit.finding import Finding, by_severity
from litclassify.audit.formats import find_format_faults
from litclassify.audit.inventory import Inventory
from litclassify.audit.measures import Measures

# Findings that exclude the image itself; a contradiction in training excludes all copies, as any may be wrong.
LEFT_OUT = ("leak", "near_leak", "contradiction", "duplicate")


@dataclass(frozen=True)
class Audit:
    """What an audit found."""

    inventory: Inventory
    measures: Sequence[Measures]
    """One for each image of the inventory."""
    counts: Counts
    findings: dict[str, list[Finding]]
    """By kind, the most serious first."""

    @property
    def excluded(self) -> list[str]:
        """Paths to leave out: what cannot be read, and what of the training images takes no look to decide.

        Of the latter those that are evaluated on, too, are labelled in two ways, or are there a second time. Images of
        val and test stay as they are, so that figures can be compared.
        """
        paths = {finding.path for finding in self.findings.get("unreadable", [])}
        for kind in LEFT_OUT:
            for finding in self.findings.get(kind, []):
                paths |= {finding.path} if finding.split == "train" else set()
        splits = {sample.path: sample.split for sample in self.inventory.samples}
        contradicting = {finding.other for finding in self.findings.get("contradiction", [])}
        return sorted(paths | {path for path in contradicting if splits[path] == "train"})


def run_checks(
    inventory: Inventory,
    measures: Sequence[Measures],
    *,
    min_images: int,
    min_likeness: float,
    find_labels: Callable[[], list[Finding]],
) -> Audit:
    """Check a data set whose images are measured.

    Args:
        inventory: The images.
        measures: Of each.
        min_images: Training images that a class should have.
        min_likeness: Correlation of thumbnails from which two images are near duplicates.
        find_labels: Gives suspected label errors.
    """
    samples = inventory.samples
    findings = [
        *inventory.findings,
        *find_file_faults(samples, measures),
        *find_duplicates(samples, measures, min_likeness),
        *find_balance_faults(inventory, min_images),
        *find_format_faults(samples, measures),
        *find_exposure_faults(samples, measures),
        *find_labels(),
    ]
    return Audit(inventory, measures, count_classes(inventory), by_severity(findings))
