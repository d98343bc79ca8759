"""The table of all settings of all presets, as docs/presets.md has it: ``python tests/support/preset_table.py``."""

from __future__ import annotations

from typing import Any

from support.measure import settings

from trigpoint.core.config import to_json
from trigpoint.mapping.presets import PRESETS


def flat(document: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as ``{"optimizer.steps": 1000, ...}``."""
    result: dict[str, Any] = {}
    for key, value in document.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return result


def shown(value: Any) -> str:
    """A value in a table: numbers with separators, fractions with four digits, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def table() -> str:
    """Markdown: a row a setting, a column a preset."""
    columns = [flat(to_json(config)) for config in PRESETS.values()]
    lines = [f"| setting | {' | '.join(f'`{name}`' for name in PRESETS)} |", "|---|" + "---|" * len(PRESETS)]
    for setting in settings():
        values = [shown(column[setting]) if setting in column else "" for column in columns]
        lines.append(f"| `{setting}` | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
