"""The options of a verb, those in groups included."""

import dataclasses
import inspect
import re
import typing


def _groups(verb):
    """(owner of the text, name: type of the options) for each keyword parameter of a verb."""
    hints = typing.get_type_hints(verb, include_extras=True)
    for name, parameter in inspect.signature(verb).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            kind = hints[name]
            is_group = dataclasses.is_dataclass(kind)
            yield kind if is_group else verb, typing.get_type_hints(kind, include_extras=True) if is_group else {name: kind}


def option_names(verb):
    """Every option that the verb takes, such as ``--seed``, with its long aliases."""
    names = set()
    for _, fields in _groups(verb):
        names |= {f"--{field.replace('_', '-')}" for field in fields}
        names |= set(re.findall(r"'(--[a-z-]+)'", str([*fields.values()])))
    return names


def option_texts(verb):
    """Option to the class or verb that says what it does."""
    texts = {}
    for owner, fields in _groups(verb):
        for field in fields:
            classes = [cls for cls in getattr(owner, "__mro__", (owner,)) if field in getattr(cls, "__annotations__", {})]
            source = (classes or [owner])[-1]
            match = re.search(rf"(?s)\n +{field}: (.*?)(?=\n +\w+: |\n\n|\Z)", inspect.getdoc(source) or "")
            texts[f"--{field.replace('_', '-')}"] = " ".join(match[1].split()) if match else ""
    return texts


def path_options(verb):
    """Every option of a verb that takes a path: files and folders that it reads or writes."""
    return {
        f"--{field.replace('_', '-')}"
        for _, fields in _groups(verb)
        for field, kind in fields.items()
        if "Path" in str(kind)
    }


# The least that each verb wants to be called with.
VERB_ARGUMENTS = {
    "demo": [],
    "info": ["scene"],
    "reconstruct": ["images", "-o", "out"],
    "map": ["scene", "-o", "out.trig"],
    "localize": ["map.trig", "image.jpg"],
    "evaluate": ["map.trig", "scene"],
    "compare": ["scene", "-o", "out"],
    "export": ["scene", "--to", "json", "-o", "out.json"],
    "view": ["map.trig"],
    "retrieval": ["evaluate", "scene"],
    "weights": [],
    "datasets": [],
}
