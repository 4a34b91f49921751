"""What a terminal shows, and what is left of it where there is none."""

import io
import sys
import time

import pytest

from gradproof.console import print_table, progress, waiting


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_table_is_padded_with_spaces_where_there_is_no_terminal(capsys):
    print_table(["id", "n"], [["z[i, j]", "3"], ["a", "10"]])
    assert capsys.readouterr().out == "id       n\nz[i, j]  3\na        10\n"


def test_progress_says_a_line_for_every_tenth(capsys):
    with progress() as show:
        for done in range(1, 101):
            show("kinks", done, 100)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 11
    assert said[-1].startswith("kinks: 100 of 100 (")


def test_waiting_shows_what_for_on_a_terminal_alone(monkeypatch, capsys):
    pytest.importorskip("rich")
    with waiting("checking f"):
        pass
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with waiting("checking [f]"):
        time.sleep(0.2)
    assert "checking [f]" in terminal.getvalue()
