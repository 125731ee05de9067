"""A report as Markdown, with its pictures as files beside it."""

from collections.abc import Iterable, Iterator

from litclassify.evaluation.report.content import Report, ReportTable


def markdown_report(report: Report, folder: str) -> str:
    """Write the report.

    Args:
        report: What it says.
        folder: Of the pictures, as seen from the file.
    """
    return "\n".join(_lines(report, folder)) + "\n"


def markdown_table(table: ReportTable) -> str:
    """Write a table; what cells hold is not markup."""
    rules = [":---" if i < table.text_columns else "---:" for i in range(len(table.columns))]
    return "\n".join(_row(cells) for cells in (table.columns, rules, *(map(_escaped, row) for row in table.rows)))


def _lines(report: Report, folder: str) -> Iterator[str]:
    yield f"# {_escaped(report.title)}"
    yield ""
    yield from (f"- {name}: {_escaped(value)}" for name, value in report.facts.items())
    for table in report.tables:
        yield from ("", f"## {table.title}", "")
        if table.note:
            yield from (table.note, "")
        yield markdown_table(table)
    for picture in report.pictures:
        yield from ("", f"## {picture.title}", "", picture.note, "")
        yield f"![{picture.title}]({folder}/{picture.key}.png)"
    for title, text in report.texts.items():
        yield from ("", f"## {title}", "")
        yield from (f"    {line}" for line in text.splitlines())


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    for character in "\\`*_{}[]<>#|&~":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
