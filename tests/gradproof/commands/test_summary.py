"""What commands say, printed and in Markdown."""

from gradproof.commands.summary import tell


def test_what_is_said_is_printed_and_added_to_a_file(tmp_path, capsys):
    file = tmp_path / "summary.md"
    tell(file, "One", "a\nb", ["x", ""], [["1|2", "worse"]], "and 3 more")
    tell(file, "Two", "c", silent=True)
    assert capsys.readouterr().out == "a\nb\nx    \n1|2  worse\nand 3 more\n".replace("x    ", "x")
    assert file.read_text(encoding="utf-8") == (
        "## One\n\na\\\nb\n\n| x |  |\n|---|---|\n| 1\\|2 | worse |\n\nand 3 more\n\n## Two\n\nc\n\n"
    )
