"""How the native library is built: what is missing is said; oneDNN's source is used only when it is the right one."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile

import pytest
from file_server import Server, serving

from kerato.errors import KeratoError
from kerato.kernels.native import build, onednn

PROJECT = """
cmake_minimum_required(VERSION 3.13)
project(tiny LANGUAGES CXX)
if(NOT ONEDNN_CPU_RUNTIME STREQUAL "SEQ" OR NOT ONEDNN_LIBRARY_TYPE STREQUAL "STATIC")
  message(FATAL_ERROR "the options did not arrive")
endif()
add_library(dnnl STATIC one.cpp)
install(TARGETS dnnl ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES dnnl.hpp DESTINATION include)
install(FILES LICENSE DESTINATION share/doc/dnnl)
"""


def archive(**files):
    """An archive of files in one folder, as bytes."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:xz") as file:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"onednn-1/{name}")
            entry.size = len(text)
            file.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


def test_the_build_says_what_is_missing(monkeypatch, tmp_path):
    with pytest.raises(KeratoError, match=r"oneDNN not found. pip install"):
        build._onednn([tmp_path])
    monkeypatch.setenv("ONEDNN_ROOT", str(tmp_path))
    assert not build.possible()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(KeratoError, match=r"no C\+\+ compiler found"):
        build._compiler()


@pytest.mark.skipif(not (shutil.which("cmake") and shutil.which("g++")), reason="needs CMake and g++")
def test_onednn_is_fetched_and_built_from_its_source(monkeypatch, tmp_path):
    files = {"CMakeLists.txt": PROJECT, "one.cpp": "int one() { return 1; }", "dnnl.hpp": "", "LICENSE": "free"}
    source = archive(**files)
    monkeypatch.setattr(onednn, "SHA256", hashlib.sha256(source).hexdigest())
    with serving() as address:
        Server.files["/onednn.tar.xz"] = source
        monkeypatch.setattr(onednn, "SOURCE", f"{address}/onednn.tar.xz")
        onednn.install(tmp_path / "made")
    include, library = build._onednn([tmp_path / "made"])
    assert (include, library) == (tmp_path / "made" / "include", tmp_path / "made" / "lib" / "libdnnl.a")
    assert (tmp_path / "made" / "share" / "doc" / "dnnl" / "LICENSE").read_text() == "free"
    monkeypatch.setenv("ONEDNN_ROOT", str(tmp_path / "made"))
    assert build.possible()


def test_another_source_than_the_one_that_was_tried_is_refused(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match=r"there is no file .*absent.xz. Leave --source out"):
        onednn.install(tmp_path / "made", tmp_path / "absent.xz")
    (tmp_path / "other.tar.xz").write_bytes(archive(README="another"))
    with pytest.raises(SystemExit, match=rf"has the SHA-256 [0-9a-f]{{64}}, not {onednn.SHA256}"):
        onednn.install(tmp_path / "made", tmp_path / "other.tar.xz")
    with serving() as address:
        monkeypatch.setattr(onednn, "SOURCE", f"{address}/nothing.tar.xz")
        with pytest.raises(SystemExit, match=r"could not be fetched \(.*404.*\). Fetch it by other means"):
            onednn.install(tmp_path / "made")
    assert not (tmp_path / "made").exists()
