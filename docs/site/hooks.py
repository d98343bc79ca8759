"""What the documentation site does beyond MkDocs: pages from the root of the checkout, and a proof that it works offline."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
# Files of the root are pages, too, so that nothing is written twice.
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
# What a browser fetches by itself. Links that a reader may click on lead anywhere.
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie in the root of the checkout."""
    for name, page in ROOT_PAGES.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=links_from_docs(text)))
    return files


def links_from_docs(text: str) -> str:
    """Links of a page in the root, as they read from the folder of the documents."""
    text = text.replace("](docs/", "](")
    # Files that are no pages are named, as there is nothing to link to.
    text = re.sub(r"\[([^\]]+)\]\((examples/[^)]+)\)", r"\1 (`\2`)", text)
    for name, page in ROOT_PAGES.items():
        text = text.replace(f"]({name}", f"]({page}")
    return text


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links of a document to a page in the root lead to that page of the site."""
    for name, page in ROOT_PAGES.items():
        markdown = markdown.replace(f"](../{name}", f"]({page}")
    return markdown


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a site that loads anything from another address."""
    outside = [entry for path in sorted(Path(config.site_dir).rglob("*")) for entry in fetched_from_outside(path)]
    if outside:
        raise PluginError("the site must work offline, but it loads\n" + "\n".join(outside))


def fetched_from_outside(path: Path) -> list[str]:
    """``"page: address"`` of whatever a page or style sheet loads from another host."""
    if path.suffix == ".css":
        addresses = re.findall(r"""(?:url\(|@import\s)["']?((?:https?:)?//[^"')\s]+)""", path.read_text(encoding="utf-8"))
    elif path.suffix == ".html":
        parser = _Fetches()
        parser.feed(path.read_text(encoding="utf-8"))
        addresses = [address for address in parser.addresses if re.match(r"(https?:)?//", address)]
    else:
        addresses = []
    return [f"{path.name}: {address}" for address in addresses]


class _Fetches(HTMLParser):
    """Collects the addresses that a browser fetches when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One tag of the page."""
        values = dict(attrs)
        # A canonical link names the page's own address and is not fetched.
        if tag in FETCHED and "canonical" not in (values.get("rel") or ""):
            self.addresses.append(values.get(FETCHED[tag]) or "")
