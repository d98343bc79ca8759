"""The options of a verb, those in groups included."""

import dataclasses
import inspect
import re
import typing


def option_names(verb):
    """Every option that the verb takes, such as ``--seed``, with its long aliases."""
    hints = typing.get_type_hints(verb, include_extras=True)
    names = set()
    for name, parameter in inspect.signature(verb).parameters.items():
        if parameter.kind is not parameter.KEYWORD_ONLY:
            continue
        kind = hints[name]
        fields = typing.get_type_hints(kind, include_extras=True) if dataclasses.is_dataclass(kind) else {name: kind}
        names |= {f"--{field.replace('_', '-')}" for field in fields}
        names |= set(re.findall(r"'(--[a-z-]+)'", str([*fields.values()])))
    return names
