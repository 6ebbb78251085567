"""Reading through TFDS: what is missing, refused or damaged is told at once, with the remedy."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download import checksums

from keraseq.errors import KeraseqError, UsageError
from keraseq.tasks import load_task
from keraseq.tasks.source import MissingDownloadError, manual_files

CONTENT = b"".join(b"line %d\n" % i for i in range(20))


class _Downloaded:
    """Numbered lines from two files of a server."""

    VERSION = tfds.core.Version("1.0.0")
    server: ClassVar[str] = "http://127.0.0.1:9"
    infos: ClassVar[dict[str, Any]] = {}

    @property
    def url_infos(self) -> dict[str, Any]:
        return {f"{self.server}/{name}": info for name, info in self.infos.items()}

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {"text": tfds.features.Text(), "label": tfds.features.ClassLabel(num_classes=2)}
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        files = dl_manager.download({name: f"{self.server}/{name}" for name in ("x.txt", "y.txt")})
        return {"train": self._generate_examples(files["x.txt"]), "test": self._generate_examples(files["y.txt"])}

    def _generate_examples(self, path: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        for i, line in enumerate(path.read_text().splitlines()):
            yield i, {"text": line, "label": i % 2}


class UnreachableLines(_Downloaded, tfds.core.GeneratorBasedBuilder):
    pass


class ManualLines(_Downloaded, tfds.core.GeneratorBasedBuilder):
    pass


class OwnFolderLines(_Downloaded, tfds.core.GeneratorBasedBuilder):
    pass


class ServedLines(_Downloaded, tfds.core.GeneratorBasedBuilder):
    pass


class DamagedLines(_Downloaded, tfds.core.GeneratorBasedBuilder):
    pass


class NeedsPerson(_Downloaded, tfds.core.GeneratorBasedBuilder):
    MANUAL_DOWNLOAD_INSTRUCTIONS = "Sign the form at example.org."

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(dl_manager.manual_dir / "signed.txt")}


class NeedsPackage(_Downloaded, tfds.core.GeneratorBasedBuilder):
    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        import no_such_package_anywhere  # type: ignore[import-not-found]  # noqa: F401

        raise AssertionError


class HiddenLabels(_Downloaded, tfds.core.GeneratorBasedBuilder):
    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {name: self._generate_examples(name) for name in ("train", "validation", "test")}

    def _generate_examples(self, path: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(20):
            yield i, {"text": f"{path} {i}", "label": -1 if path == "test" else i % 2}


class NoTrain(HiddenLabels):
    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"test": self._generate_examples("validation")}


def info(content: bytes = CONTENT, filename: str | None = None) -> Any:
    return checksums.UrlInfo(tfds.core.utils.Size(len(content)), hashlib.sha256(content).hexdigest(), filename)


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "gone" in self.path:
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_missing_files_are_all_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UnreachableLines, "infos", {"x.txt": info(filename="lines-x.txt"), "y.txt": info()})
    with pytest.raises(MissingDownloadError) as caught:
        load_task("unreachable_lines", data_dir=tmp_path)
    message = str(caught.value)
    assert "lines-x.txt" in message
    assert "y.txt" in message
    assert info().checksum in message
    assert "http://127.0.0.1:9/x.txt" in message
    assert f"{tmp_path}/downloads/manual/" in message
    assert f"keraseq data prepare unreachable_lines --data-dir {tmp_path}" in message
    assert not list(tmp_path.glob("unreachable_lines/*"))


def test_files_in_the_manual_folder_are_taken_whatever_tfds_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ManualLines, "infos", {"x.txt": info(filename="lines-x.txt"), "y.txt": info()})
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "lines-x.txt").write_bytes(CONTENT)
    (manual / "y.txt").write_bytes(CONTENT)
    task = load_task("manual_lines", data_dir=tmp_path)
    assert task.summary()["examples"] == {"train": 18, "validation": 2, "test": 20}


def test_files_are_taken_from_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OwnFolderLines, "infos", {"x.txt": info(), "y.txt": info()})
    files, data = tmp_path / "my files", tmp_path / "data"
    with pytest.raises(UsageError, match=r"my files, does not exist\. Remedy"), manual_files(files):
        raise AssertionError("the folder is looked for first")
    files.mkdir()
    (files / "x.txt").write_bytes(CONTENT)
    with pytest.raises(MissingDownloadError) as caught, manual_files(files):
        load_task("own_folder_lines", data_dir=data)
    told = str(caught.value)
    assert "y.txt" in told
    assert "x.txt:" not in told
    assert f"Remedy: put them into {files}/ and run: " in told
    assert told.endswith(f"prepare own_folder_lines --data-dir {data} --manual-dir '{files}'")
    (files / "y.txt").write_bytes(CONTENT)
    with manual_files(files):
        assert load_task("own_folder_lines", data_dir=data).steps("test") == 1


def test_what_can_be_reached_is_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(CONTENT) as address:
        monkeypatch.setattr(ServedLines, "server", address)
        monkeypatch.setattr(ServedLines, "infos", {"x.txt": info(), "y.txt": info()})
        assert load_task("served_lines", data_dir=tmp_path).steps("test") == 1


def test_a_page_that_is_gone_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(CONTENT) as address:
        monkeypatch.setattr(ServedLines, "server", f"{address}/gone")
        with pytest.raises(MissingDownloadError, match="404"):
            load_task("served_lines", data_dir=tmp_path, split_seed=1)


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manual = tmp_path / "downloads" / "manual"
    manual.mkdir(parents=True)
    (manual / "x.txt").write_bytes(b"something else")
    monkeypatch.setattr(DamagedLines, "infos", {"x.txt": info(filename="x.txt"), "y.txt": info()})
    with pytest.raises(KeraseqError, match=r"damaged or has changed(?s:.*)manual/x\.txt(?s:.*)Remedy: delete"):
        load_task("damaged_lines", data_dir=tmp_path)


def test_the_hook_into_tfds_is_gone_afterwards() -> None:
    assert tfds.download.DownloadManager._download.__module__.startswith("tensorflow_datasets.")


def test_what_only_a_person_can_fetch_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeraseqError, match=r"needs_person cannot be downloaded by a program(?s:.*)Sign the form"):
        load_task("needs_person", data_dir=tmp_path)


def test_a_missing_package_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeraseqError, match=r"needs_package needs the package no_such_package_anywhere.*pip install"):
        load_task("needs_package", data_dir=tmp_path)


def test_hidden_labels_are_told_and_another_split_can_be_tested_on(tmp_path: Path) -> None:
    with pytest.raises(KeraseqError, match=r"labels must be in 0 … 1; example 0 has -1.*test_split"):
        load_task("hidden_labels", data_dir=tmp_path)
    task = load_task("hidden_labels", data_dir=tmp_path, test_split="validation")
    assert task.summary()["examples"] == {"train": 18, "validation": 2, "test": 20}
    assert all(text.startswith("train") for text, _ in task.raw("validation"))


def test_missing_splits_are_told(tmp_path: Path) -> None:
    with pytest.raises(KeraseqError, match="no_train needs the splits 'train' and 'test'; the data set has test"):
        load_task("no_train", data_dir=tmp_path)
    with pytest.raises(KeraseqError, match="'dev'; the data set has test, train, validation"):
        load_task("hidden_labels", data_dir=tmp_path, test_split="dev")


def test_an_unwritable_data_dir_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeraseqError, match=r"cannot prepare digits in .*file/data.*Remedy"):
        load_task("digits", data_dir=tmp_path / "file" / "data", split_seed=123)


def test_preparing_prints_nothing_and_leaves_random_numbers_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import random

    random.seed(0)
    expected = random.random()
    random.seed(0)
    np.random.seed(0)
    load_task("adding", data_dir=tmp_path, length=3, train_examples=20, test_examples=5)
    assert random.random() == expected
    assert capsys.readouterr().out == ""
