"""Files that are whole or absent."""

import threading

import pytest

from keraseq.errors import KeraseqError
from keraseq.files import DamagedFileError, make_folder, read_json, replacing, write_json


def test_json_round_trip_and_damage(tmp_path):
    write_json(tmp_path / "a.json", {"é": [1, None]})
    assert read_json(tmp_path / "a.json", "") == {"é": [1, None]}
    (tmp_path / "a.json").write_text('{"a": ')
    with pytest.raises(DamagedFileError, match=r"a\.json is not readable as JSON .*; train again"):
        read_json(tmp_path / "a.json", "train again")
    with pytest.raises(DamagedFileError, match=r"b\.json is missing; train again"):
        read_json(tmp_path / "b.json", "train again")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_folder_that_cannot_be_made_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KeraseqError, match=r"cannot write to .*file/x: .*; choose another directory"):
        make_folder(tmp_path / "file" / "x")


def test_a_reader_never_sees_half_a_file(tmp_path):
    path, ended = tmp_path / "a.json", threading.Event()
    write_json(path, [0] * 200_000)

    def rewrite():
        for i in range(20):
            write_json(path, [i] * 200_000)
        ended.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    while not ended.is_set():
        assert len(path.read_bytes()) >= 800_000
    writer.join()
