"""The report of a test: as a web page that needs nothing else, and as Markdown."""

from litclassify.evaluation.report.content import Picture, Report, ReportTable
from litclassify.evaluation.report.evaluation_report import (
    ReadMaps,
    evaluation_pictures,
    evaluation_tables,
    gallery_pictures,
)
from litclassify.evaluation.report.html import html_report
from litclassify.evaluation.report.markdown import markdown_report, markdown_table

__all__ = [
    "Picture",
    "ReadMaps",
    "Report",
    "ReportTable",
    "evaluation_pictures",
    "evaluation_tables",
    "gallery_pictures",
    "html_report",
    "markdown_report",
    "markdown_table",
]
