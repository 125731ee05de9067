"""Reports as web pages: one file each, which needs no server and no other files."""

from base64 import b64encode
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def render_page(package: str, template: str, **values: Any) -> str:
    """Fill in a template; whatever a value holds, it is text and no markup.

    Args:
        package: Import path of the package that the template lies in.
        template: Name of its file.
        **values: What the template names. Bytes get into it with the filter `base64`.

    Raises:
        jinja2.UndefinedError: The template names something else.
    """
    environment = Environment(
        loader=PackageLoader(package, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["base64"] = lambda data: b64encode(data).decode("ascii")
    return environment.get_template(template).render(**values)
