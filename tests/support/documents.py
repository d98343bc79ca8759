"""Code blocks of the documents, and the commands in them."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@dataclass(frozen=True)
class Block:
    """A fenced block of code in a document.

    Attributes:
        document: the file.
        line: number of its first line of code.
        language: what stands behind the fence, ``""`` if nothing does.
        code: the lines between the fences.
    """

    document: Path
    line: int
    language: str
    code: str

    @property
    def where(self) -> str:
        """``"docs/viewer.md:4"``."""
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a shell block, without comments, continued lines joined."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [command for line in lines if (command := shlex.join(shlex.split(line, comments=True)))]


def blocks(document: Path) -> list[Block]:
    """All fenced blocks of a document in order."""
    text = document.read_text(encoding="utf-8")
    return [
        Block(document, text[: match.start(2)].count("\n") + 1, match.group(1), match.group(2))
        for match in re.finditer(r"(?ms)^```([^\n]*)\n(.*?)^```$", text)
    ]


def inline_code(document: Path) -> list[str]:
    """What stands between backticks in the text."""
    text = re.sub(r"(?ms)^```.*?^```$", "", document.read_text(encoding="utf-8"))
    return re.findall(r"`([^`\n]+)`", text)


def indented_code(document: Path) -> list[str]:
    """Lines of indented blocks of code."""
    text = re.sub(r"(?ms)^```.*?^```$", "", document.read_text(encoding="utf-8"))
    return re.findall(r"(?m)^    (\S.*)", text)
