"""A page of the documentation whose commands are run: its fenced blocks of shell, by section."""

import re
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(r"## (.+)")
# ```sh b
_FENCE = re.compile(r"```sh ([a-z]+)")


@dataclass(frozen=True)
class Block:
    """What somebody types."""

    where: str  # "operator", "agent", or a site's name: whose machine it is typed at.
    text: str


def read_sections(page: Path) -> dict[str, list[Block]]:
    """The blocks that begin with ```sh PLACE, by the heading above them; other blocks show what is printed. Headings
    without such blocks are left out."""
    sections: dict[str, list[Block]] = {}
    heading, lines = "", iter(page.read_text().splitlines())
    for line in lines:
        if found := _HEADING.fullmatch(line):
            heading = found.group(1)
        elif found := _FENCE.fullmatch(line):
            text = "\n".join(iter(lambda: next(lines), "```"))
            sections.setdefault(heading, []).append(Block(found.group(1), text))
    return sections
