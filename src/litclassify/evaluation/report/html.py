"""A report as one web page, without a server, scripts or other files."""

from litclassify.evaluation.report.content import Report
from litclassify.pages import render_page


def html_report(report: Report) -> str:
    """Write the page; names from data and configuration are escaped."""
    return render_page("litclassify.evaluation.report", "report.html.jinja", report=report)
