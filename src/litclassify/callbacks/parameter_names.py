"""Names of parameters, as a person is shown them."""


def short_name(name: str) -> str:
    """Give the name of a classifier's parameter within its network, without the wrappers around that."""
    return name.removeprefix("network.").removeprefix("model.")
