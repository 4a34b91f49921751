"""The command line. It imports no oracle before a command needs one."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gradproof.commands import checks
from gradproof.commands.checks import DTYPES, parameters_first
from gradproof.commands.summary import tell
from gradproof.console import escape_unprintable, print_table, progress

EXIT_FAILED, EXIT_USAGE = 1, 2


def parser() -> argparse.ArgumentParser:
    """All commands with their options and an example each."""
    top = argparse.ArgumentParser(
        prog="gradproof",
        description="Hand-derived gradients, proved right: ours against PyTorch autograd, JAX grad and exact truth.",
        epilog="example: gradproof at activation/sigmoid 38 --dtype float64",
    )
    top.add_argument("--version", action="store_true", help="print the version and exit")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, help: str, example: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help, description=help, epilog=f"example: {example}")

    audit = command(
        "audit", "Measure everything and write evidence and tables.", "gradproof audit --only activation/gelu"
    )
    audit.add_argument("--only", action="append", default=[], metavar="WHAT",
                       help="an area (networks, accuracy, …), a formula or claim by id, alias or pattern, or a pattern "
                       "of networks such as '4-5-3/*/tanh/*'; may be given again")  # fmt: skip
    audit.add_argument("--dtype", action="append", choices=DTYPES, help="default: all that an area measures")
    audit.add_argument("--seed", type=_natural, help="seed of all random inputs (default 0)")
    audit.add_argument("--draws", type=lambda text: _natural(text, 1), metavar="N",
                       help="sane networks of each configuration (default 1; many at once are cheap)")  # fmt: skip
    add_workers(audit)
    audit.add_argument("--out", type=Path, metavar="DIR",
                       help="where evidence and tables go (default: reports, or out for a part)")  # fmt: skip
    audit.add_argument("--resume", action="store_true", help="go on where a killed run stopped")
    audit.add_argument("--oracle", action="append", metavar="NAME", help="torch or jax; default: all")
    audit.add_argument("--against", type=Path, metavar="DIR",
                       help="compare with the evidence there; exit 1 if a verdict became worse")  # fmt: skip
    audit.add_argument("--summary", type=Path, metavar="FILE",
                       help="add what was found to a file in Markdown, as $GITHUB_STEP_SUMMARY")  # fmt: skip

    checks.arguments(
        command(
            "check", "Whether a gradient of your own is right.",
            "gradproof check mymodule:gelu --as slope --against activation/gelu",
        ),
        _natural,
    )  # fmt: skip

    lock = command("lock", "Keep verdicts and largest errors of chosen formulas in a file, or check them against it.",
                   "gradproof lock gradients.lock activation/gelu")  # fmt: skip
    lock.add_argument("file", type=Path)
    lock.add_argument("id", nargs="*", help="ids or patterns of formulas; with --check those of the file")
    lock.add_argument("--check", action="store_true", help="measure again; exit 1 if something became worse")
    lock.add_argument("--dtype", action="append", choices=DTYPES, help="default: all")
    lock.add_argument("--jobs", type=_natural, default=0, help="worker processes (default: 0, one per processor)")
    lock.add_argument("--summary", type=Path, metavar="FILE", help="add what changed to a file in Markdown")

    report = command("report", "Make the tables again from committed evidence alone.", "gradproof report --check")
    report.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")
    report.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page or evidence is stale")

    diff = command("diff", "Compare two evidences: what changed in meaning.", "gradproof diff reports out")
    diff.add_argument("old", type=Path, help="a folder that 'gradproof audit --out' has written")
    diff.add_argument("new", type=Path, help="another one")
    diff.add_argument("--json", action="store_true", help="print JSON")
    diff.add_argument("--summary", type=Path, metavar="FILE", help="add what changed to a file in Markdown")
    diff.add_argument("--keep", metavar="TITLE", help="keep the comparison on drift.md of the report in --out")
    diff.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR", help="default: reports")

    show = command(
        "show", "Show one formula: statement, derivation, kinks, verdicts.", "gradproof show activation/gelu"
    )
    show.add_argument("id", help="of a formula, a block or a published claim")
    show.add_argument(
        "--reports", type=Path, metavar="DIR", help="whose evidence; default: what travels with gradproof"
    )
    show.add_argument("--evidence", type=Path, metavar="DIR", help="default: evidence in --reports")

    at = command("at", "Value and slope at given points, by everyone.", "gradproof at activation/elu -1 alpha=2")
    at.add_argument("id")
    at.add_argument("points", nargs="+", metavar="X", help="of an activation numbers (decimal, hex, inf, nan) and "
                    "name=value for parameters; of all else arrays, as name=0.5,-2 or name=[[1, 2]], or a file .npy, "
                    ".npz:NAME, .json, or name=- for JSON; - alone for a JSON object of all of them")  # fmt: skip
    at.add_argument("--cotangent", metavar="V", help="an array of the shape of the output (default: ones)")
    at.add_argument("--dtype", default="float64", choices=DTYPES)
    at.add_argument("--reports", type=Path, metavar="DIR", help="as for show; asked where no truth is known")
    at.add_argument("--json", action="store_true", help="print JSON with hex floats")

    case = command(
        "case", "Outputs and gradients of one of the audit's cases, by everyone.", "gradproof case cost/kl_div near 3"
    )
    case.add_argument("id", help="a formula of arrays")
    case.add_argument("regime", help="plain, wide, near or extreme, as in the tables")
    case.add_argument("seed", type=_natural)
    case.add_argument("--dtype", default="float64", choices=DTYPES)
    case.add_argument("--reports", type=Path, metavar="DIR", help="as for show; asked where no truth is known")
    case.add_argument("--json", action="store_true", help="print JSON with hex floats, the arguments too")

    cite = command("cite", "How to cite a formula or a published claim.", "gradproof cite activation/gelu")
    cite.add_argument("id")
    cite.add_argument("--style", choices=["bibtex", "csl-json", "text"], default="bibtex")
    cite.add_argument("--reports", type=Path, metavar="DIR", help="as for show")

    from gradproof.commands import site, sweep, vectors

    listing = command("list", "List every formula, or published claims.", "gradproof list --search swish")
    listing.add_argument("what", nargs="?", help="a kind: activation, cost, …; block; claim, or the document of one, "
                         "such as nielsen-2015; or a name, an id or a pattern, such as 'cost/*entropy*'")  # fmt: skip
    listing.add_argument("--kind", help="of these only one kind")
    listing.add_argument("--search", metavar="TEXT", help="those that have it in their id, a former id, their title, "
                         "or the name that PyTorch, JAX or Optax gives them")  # fmt: skip
    listing.add_argument("--reports", type=Path, metavar="DIR", help="as for show")
    listing.add_argument("--json", action="store_true", help="print JSON, expressions as SymPy's source too")
    sweeping = command("sweep", "Every float of a dtype, asked of each side.", "gradproof sweep activation/tanh")
    sweep.arguments(sweeping)
    add_workers(sweeping)
    site.arguments(command("site", "Make the site to look formulas up in.", "gradproof site --out build/site"))
    vectors.arguments(command("vectors", "Test vectors for any language: make, check, score results.",
                              "gradproof vectors verify results.json"))  # fmt: skip

    doctor = command(
        "doctor", "Versions and oracles; of a formula, what it still lacks.", "gradproof doctor activation/gelu"
    )
    doctor.add_argument("id", nargs="?", help="a formula")
    return top


def add_workers(command: argparse.ArgumentParser) -> None:
    """Who works, as `gradproof.executors` knows them, and on what."""
    command.add_argument("--jobs", type=_natural, default=0, help="worker processes (default: 0, one per processor)")
    command.add_argument("--on", default="", metavar="WHERE", help="other workers than processes here: those of a Dask "
                         "scheduler, dask://HOST:PORT, or the ranks of MPI, mpi")  # fmt: skip
    command.add_argument("--device", type=_device, default="cpu", help="where torch and JAX compute: cpu (default), "
                         "cuda or cuda:N; evidence and pages of another one go to OUT/cuda")  # fmt: skip


def _device(text: str) -> str:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no device; there are cpu, cuda and cuda:N")
    return text


def _natural(text: str, least: int = 0) -> int:
    """A whole number from the command line, `least` or more."""
    if not text.strip().isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text.strip()!r} is not a number {least}, {least + 1}, {least + 2}, …")
    return int(text)


_NEGATIVE = re.compile(r"-(?:\d|\.\d|0x|inf)", re.IGNORECASE)


def _protect_negative_points(arguments: Sequence[str]) -> list[str]:
    """Let -1e-3, -0x1p-3 and -inf through as numbers: argparse would take them for options."""
    return [f" {a}" if _NEGATIVE.match(a) else a for a in arguments]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 fine, 1 a gradient fails, 2 bad input."""
    escape_unprintable()
    words = parameters_first(sys.argv[1:] if arguments is None else arguments)
    options = parser().parse_args(_protect_negative_points(words))
    if options.version:
        from gradproof import __version__

        print(f"gradproof {__version__}")
        return 0
    if options.command is None:
        parser().print_help()
        return EXIT_USAGE

    from gradproof.evidence.files import EvidenceError
    from gradproof.lookup import OPTIONAL, UsageError, not_installed

    try:
        return COMMANDS[options.command](options)
    except (UsageError, EvidenceError) as error:
        print(f"gradproof: {error}", file=sys.stderr)
        return EXIT_USAGE
    except ImportError as error:
        if (error.name or "").split(".")[0] not in OPTIONAL:
            raise  # a mistake in the program
        print(f"gradproof: {not_installed(error)}", file=sys.stderr)
        return EXIT_USAGE
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"gradproof: {where}{error.strerror or error}", file=sys.stderr)
        return EXIT_USAGE
    except KeyboardInterrupt:
        long = options.command in ("audit", "sweep")
        resumed = f"; 'gradproof {options.command} --resume' goes on from here" if long else ""
        print(f"gradproof: stopped{resumed}", file=sys.stderr)
        return 130


def _audit(options: argparse.Namespace) -> int:
    from gradproof.audit.run import run
    from gradproof.audit.select import Options
    from gradproof.evidence.compare import check_comparable, compare
    from gradproof.executors import folder

    chosen = Options(
        only=tuple(options.only),
        dtype=tuple(options.dtype) if options.dtype else None,
        seed=options.seed,
        draws=options.draws,
        oracle=tuple(options.oracle) if options.oracle else None,
        jobs=options.jobs,
        on=options.on,
        device=options.device,
        resume=options.resume,
    )
    out = folder(options.out or Path("reports" if chosen.whole and not options.against else "out"), options.device)
    if options.against is not None:
        check_comparable(options.against, out)
    with progress() as show:
        outcome = run(out, chosen, show)
    for message in outcome.failures:
        print(f"FAIL {message}")
    if outcome.incomplete:
        print(f"not measured to the end: {', '.join(outcome.incomplete)}; their evidence is as it was, and "
              "'gradproof audit --resume' goes on from here")  # fmt: skip
    counts = ", ".join(f"{verdict} {n:,}" for verdict, n in sorted(outcome.verdicts.items()) if n)
    times = ", ".join(f"{area} {seconds:.0f} s" for area, seconds in outcome.seconds.items())
    tell(options.summary, "Audit", f"{counts or 'no verdicts'} ({times}); tables in {out}/")
    worse = options.against is not None and _say(compare(options.against, out), options.summary)
    return EXIT_FAILED if outcome.failed or worse else 0


def _lock(options: argparse.Namespace) -> int:
    from gradproof.audit import lock

    with progress() as show:
        said, changed, worse = lock.run(options.file, options.id, options.check, options.dtype, options.jobs, show)
    tell(options.summary, f"{options.file}", said, ["finding", "before", "now", ""], changed)
    return EXIT_FAILED if worse else 0


def _diff(options: argparse.Namespace) -> int:
    from gradproof.commands.diff import keep
    from gradproof.evidence.compare import compare

    found = compare(options.old, options.new)
    if options.keep:
        keep(found, options.keep, options.out)
    return EXIT_FAILED if _say(found, options.summary, options.json) else 0


def _say(comparison: Any, summary_file: Path | None, as_json: bool = False) -> bool:
    """Print what changed; True if a verdict became worse."""
    from gradproof.commands.diff import summary, table
    from gradproof.evidence.files import encode

    changes = table(comparison)
    if as_json:
        print(encode(comparison.as_json))
    tell(summary_file, "What changed", summary(comparison), changes.columns, changes.rows, changes.note, as_json)
    return bool(comparison.worse)


def _report(options: argparse.Namespace) -> int:
    from gradproof.audit.report import check_report, write_report

    if not options.check:
        print(f"{options.out}: {', '.join(write_report(options.out))}")
        return 0
    problems = check_report(options.out)
    for problem in problems:
        print(problem)
    fine = "every page follows from its evidence"
    print(f"{options.out}: {f'{len(problems)} stale' if problems else fine}")
    return EXIT_FAILED if problems else 0


def _show(options: argparse.Namespace) -> int:
    from gradproof.commands.show import describe
    from gradproof.evidence.summary import place

    print(describe(options.id, options.evidence or place(options.reports)))
    return 0


def _case(options: argparse.Namespace) -> int:
    from gradproof.commands.case import drawn

    return _beside(drawn(options.id, options.regime, options.seed, options.dtype), options)


def _beside(case: Any, options: argparse.Namespace) -> int:
    from gradproof.commands.case import as_json, beside
    from gradproof.evidence.files import encode
    from gradproof.evidence.summary import place

    if not options.json:
        return _print(beside(case, place(options.reports)))
    print(encode(as_json(case)))
    return 0


def _at(options: argparse.Namespace) -> int:
    from gradproof.commands.at import evaluate, split, table
    from gradproof.commands.case import asked
    from gradproof.evidence.files import encode
    from gradproof.evidence.summary import place
    from gradproof.lookup import find

    words = [word.strip() for word in options.points]
    formula, _ = find(options.id)
    if not formula.elementwise or options.cotangent is not None:
        return _beside(asked(options.id, words, options.dtype, options.cotangent), options)
    points, parameters = split(words)
    result = evaluate(options.id, points, options.dtype, parameters)
    if options.json:
        print(encode(result))
        return 0
    return _print(table(result, place(options.reports)))


def _print(table: Any) -> int:
    print(table.title)
    print_table(table.columns, [[str(text) for text in row] for row in table.rows])
    if table.note:
        print(table.note)
    return 0


def _cite(options: argparse.Namespace) -> int:
    from gradproof.commands.cite import cite

    print(cite(options.id, options.style, options.reports))
    return 0


def _check(options: argparse.Namespace) -> int:
    return checks.run(options, _natural)


def _other(options: argparse.Namespace) -> int:
    module = importlib.import_module(f"gradproof.commands.{options.command}")  # what it does, its module says
    code: int = module.run(options)
    return code


def _doctor(options: argparse.Namespace) -> int:
    from gradproof.commands.doctor import environment, lacking

    if options.id is None:
        for name, said in environment():
            print(f"{name:14} {said}")
        return 0
    missing = lacking(options.id)
    for what in missing:
        print(what)
    print(f"{options.id}: {f'lacks {len(missing)}' if missing else 'nothing is missing'}")
    return EXIT_FAILED if missing else 0


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "audit": _audit, "lock": _lock, "report": _report, "diff": _diff, "show": _show, "case": _case, "at": _at,
    "check": _check, "cite": _cite, "doctor": _doctor, **dict.fromkeys(("list", "site", "sweep", "vectors"), _other),
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
