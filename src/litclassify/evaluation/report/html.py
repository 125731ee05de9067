"""A report as one web page, without a server, scripts or other files."""

from base64 import b64encode

from jinja2 import Environment, PackageLoader, StrictUndefined

from litclassify.evaluation.report.content import Report


def html_report(report: Report) -> str:
    """Write the page; names from data and configuration are escaped."""
    environment = Environment(
        loader=PackageLoader("litclassify.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: b64encode(data).decode("ascii")
    return environment.get_template("report.html.jinja").render(report=report)
