"""The tree in which jsonargparse reports a mistake, from the outermost class to the innermost cause."""

import re
from dataclasses import dataclass, field

# The second is of `--model.network.help ResNet18`, without its dashes.
KEY = re.compile(r'^(?:Parser key "([^"]+)"|([\w.]+)\.help):\s*')
CLASS_PATH = re.compile(r"^Problem with given class_path '([^']+)':\s*")
CALLABLE = re.compile(r"^Type .+ expects a function or a callable class:\s*")
GIVEN = re.compile(r"^Given value: (.*?)(?:\. Got value: Namespace\(.*)?$")
GOT_CLASS = re.compile(r"Got value: Namespace\(class_path='([\w.]+)'")
# Headings of the tree, and alternatives that nobody means.
NOISE = re.compile(
    "^(Does not validate against|Subtypes:|Errors:|Given value type:|Expected a <class 'NoneType'>|Expected a path but|"
    "Subclass types expect one of|a class path|a dict with|a dict without)"
)


@dataclass(frozen=True)
class Leaf:
    """One cause in the tree, with the keys and class paths that lead to it."""

    keys: tuple[str, ...]
    classes: tuple[str, ...]
    text: str
    indent: int
    given: str = ""

    @property
    def key(self) -> str:
        """The key as typed on the command line."""
        return ".".join(self.keys)

    @property
    def owner(self) -> str:
        """Class path of the class whose argument this is about; empty outside of a class."""
        got = GOT_CLASS.search(self.text)
        return got[1] if got else (self.classes[-1] if self.classes else "")


@dataclass
class _Reader:
    frames: list[tuple[int, str, str]] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)

    def read(self, line: str) -> None:
        text = line.lstrip(" -")
        indent = len(line) - len(text)
        if given := GIVEN.match(text):
            self._attach_given(given[1], indent)
            return
        self.frames = [frame for frame in self.frames if frame[0] < indent]
        while text:
            if match := KEY.match(text):
                self.frames.append((indent, "key", match[1] or match[2]))
            elif match := CLASS_PATH.match(text):
                self.frames.append((indent, "class", match[1]))
            else:
                match = CALLABLE.match(text)
            if match is None:
                break
            text = text[match.end() :]
        if text and not NOISE.match(text):
            keys = tuple(value for _, kind, value in self.frames if kind == "key")
            classes = tuple(value for _, kind, value in self.frames if kind == "class")
            self.leaves.append(Leaf(keys, classes, text, indent))

    def _attach_given(self, given: str, indent: int) -> None:
        self.leaves = [
            leaf if leaf.given or leaf.indent < indent else Leaf(leaf.keys, leaf.classes, leaf.text, leaf.indent, given)
            for leaf in self.leaves
        ]


def read_tree(message: str) -> list[Leaf]:
    """Read every cause out of an error tree, in the order in which jsonargparse tried."""
    reader = _Reader()
    for line in message.splitlines():
        if line.strip():
            reader.read(line)
    return reader.leaves
