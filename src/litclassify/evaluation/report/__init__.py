"""The report of a test: as a web page that needs nothing else, and as Markdown."""

from litclassify.evaluation.report.content import Picture, ReadImages, ReadMaps, Report, ReportTable
from litclassify.evaluation.report.evaluation_report import evaluation_pictures, evaluation_tables, gallery_pictures
from litclassify.evaluation.report.html import html_report
from litclassify.evaluation.report.label_report import label_galleries, label_pictures, label_tables
from litclassify.evaluation.report.markdown import markdown_report, markdown_table

__all__ = [
    "Picture",
    "ReadImages",
    "ReadMaps",
    "Report",
    "ReportTable",
    "evaluation_pictures",
    "evaluation_tables",
    "gallery_pictures",
    "html_report",
    "label_galleries",
    "label_pictures",
    "label_tables",
    "markdown_report",
    "markdown_table",
]
