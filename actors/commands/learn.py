"""`upbitd learn`: the course, and the check of a learner's own programs."""

import io
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import trio
from rich.console import Console
from rich.text import Text

from actors.commands.options import Seconds, json_option
from actors.commands.signals import run_until_signalled
from actors.commands.state_tables import make_table
from actors.learning.chapters import CHAPTERS, Chapter, find_chapter
from actors.learning.checking.check import Checked, check_program
from actors.learning.checking.place import prepare_kept
from actors.learning.course_texts import CourseTexts, chapter_page, course_texts
from actors.learning.grading.findings import Verdict
from actors.learning.grading.source import read_source
from actors.learning.language import LANGUAGES, Language, language_of
from actors.learning.results import ChapterResult, result_of
from protocols.errors import SettingsError, UpbitdError

EXIT_FAILED: Final = 1
PIPE_WIDTH: Final = 140
"""Columns when the output is no terminal."""

_STYLES: Final = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.NOT_JUDGED: "yellow"}

_lang_option = click.option(
    "--lang", type=click.Choice(LANGUAGES), help="Language; default: Korean where the locale is, else English."
)


@click.group()
def learn() -> None:
    """Learn to write programs on upbitd: a course of two weeks, with checks of what you write."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Korean on a terminal that has no letters for it is unreadable, but no reason to end.
        sys.stdout.reconfigure(errors="replace")


@learn.command("list")
@json_option
@_lang_option
def list_chapters(*, as_json: bool, lang: Language | None) -> None:
    """Show the chapters in the order of the course."""
    texts = _texts(lang)
    if as_json:
        click.echo(msgspec.json.encode([_chapter_document(chapter, texts) for chapter in CHAPTERS]))
        return
    rows = [
        (
            texts.word("day_range", days=chapter.days),
            chapter.number,
            texts.chapters[chapter.number].title + (f" ({texts.word('read_only')})" if chapter.is_read_only else ""),
            str(len(chapter.items)),
        )
        for chapter in CHAPTERS
    ]
    columns = (texts.word("days"), texts.word("chapter"), texts.word("title"), f">{texts.word('items')}")
    console = _console()
    console.print(make_table(texts.word("course"), columns, rows))
    console.print(texts.word("next_steps"), markup=False, highlight=False)


@learn.command("show")
@click.argument("number", metavar="CHAPTER")
@click.option("--program", "is_program", is_flag=True, help="Print only the chapter's program, to start from.")
@_lang_option
def show_chapter(number: str, *, is_program: bool, lang: Language | None) -> None:
    """Show a chapter: what it is about, a program to start from, the traps, and the checklist."""
    chapter = find_chapter(number)
    language = lang or language_of(os.environ)
    page = chapter_page(number, language)
    if is_program:
        click.echo(program_of(page, number), nl=False)
        return
    click.echo(page)
    texts = course_texts(language)
    click.echo(f"## {texts.word('checklist')}\n")
    for item in chapter.items:
        words = texts.chapters[number].items[item]
        click.echo(f"- [ ] {words.text}" + (f" ({words.question})" if words.question else ""))
    end = "no_check_yet" if chapter.is_read_only else "check_with" if chapter.judged else "confirm"
    click.echo(f"\n{texts.word(end, number=number)}")


@learn.command("check")
@click.argument("number", metavar="CHAPTER")
@click.argument("program", required=False, type=click.Path(path_type=Path))
@click.option(
    "--seconds",
    type=Seconds(),
    help="Stop the program as by ^C so long after it reached the exchange; by default 20 to 45.",
)
@click.option("--keep", "kept", type=click.Path(path_type=Path), metavar="DIR", help="Keep journal and output there.")
@json_option
@_lang_option
def check(
    number: str,
    program: Path | None,
    *,
    seconds: float | None,
    kept: Path | None,
    as_json: bool,
    lang: Language | None,
) -> int:
    """Run PROGRAM against a simulated exchange and judge each item of the chapter's checklist.

    The program is one file. Its output goes to stderr, the result to stdout. Exit code 0: what could be judged passed;
    1: something did not; 2: bad input.
    """
    chapter, texts = find_chapter(number), _texts(lang)
    _refuse_unfit(chapter, program)
    checked = None
    if program is not None:
        read_source(program)  # Before an exchange is started.
        if kept is not None:
            prepare_kept(kept)
        limit_s = seconds or chapter.seconds
        checked = _run_check(partial(check_program, chapter, program, seconds=limit_s, kept=kept), texts)
    result = result_of(chapter, checked, texts)
    if as_json:
        click.echo(msgspec.json.encode(_result_document(result, checked)))
    else:
        _print_result(result, checked, kept, texts)
    return 0 if result.is_passed else EXIT_FAILED


def program_of(page: str, number: str) -> str:
    """The first program of a page.

    Raises:
        SettingsError: it has none.
    """
    _, begin, rest = page.partition("```python\n")
    if not begin:
        raise SettingsError(f"learn: chapter {number} has no program; read it: upbitd learn show {number}")
    return rest.partition("```")[0]


def _texts(lang: Language | None) -> CourseTexts:
    return course_texts(lang or language_of(os.environ))


def _refuse_unfit(chapter: Chapter, program: Path | None) -> None:
    """See that this chapter and this program fit.

    Raises:
        SettingsError: they do not; one line that says what to do.
    """
    number = chapter.number
    if chapter.is_read_only:
        raise SettingsError(
            f"learn: chapter {number} has no check yet: it comes with the order manager; "
            f"read it: upbitd learn show {number}"
        )
    if chapter.judged and program is None:
        raise SettingsError(f"learn: name your program: upbitd learn check {number} my_program.py")
    if program is not None and not chapter.judged:
        raise SettingsError(f"learn: chapter {number} runs no program: upbitd learn check {number}")


def _run_check(work: Callable[..., Any], texts: CourseTexts) -> Checked:
    """Run a check to its end.

    Raises:
        UpbitdError: it was interrupted.
    """
    found: list[Checked] = []

    async def run() -> None:
        found.append(await work(progress=StderrProgress(texts)))

    trio.run(run_until_signalled, run)
    if not found:
        raise UpbitdError("learn: interrupted; nothing was judged")
    return found[0]


class StderrProgress:
    """Tells on stderr how a check goes on; the program's own lines are set off by a bar."""

    def __init__(self, texts: CourseTexts) -> None:
        self._texts = texts

    def is_starting(self) -> None:
        """The exchange is being started."""
        self._tell("starting")

    def said(self, text: str, *, is_error: bool) -> None:
        """The program wrote a line."""
        _write_error(f"  {'!' if is_error else '|'} {text}")

    def is_running(self, seconds: int, limit_s: float) -> None:
        """It has run for so many seconds."""
        self._tell("running", seconds=seconds, limit=f"{limit_s:g}")

    def is_stopping(self) -> None:
        """Its time is over."""
        self._tell("stopping")

    def is_grading(self) -> None:
        """The program has ended."""
        self._tell("grading")

    def _tell(self, name: str, **facts: object) -> None:
        _write_error(f"upbitd learn: {self._texts.word(name, **facts)}")


def _write_error(line: str) -> None:
    """Write to stderr what its encoding has no letters for as escapes."""
    encoding = sys.stderr.encoding or "utf-8"
    click.echo(line.encode(encoding, "backslashreplace").decode(encoding), err=True)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


def _chapter_document(chapter: Chapter, texts: CourseTexts) -> dict[str, Any]:
    words = texts.chapters[chapter.number]
    return {
        "chapter": chapter.number,
        "level": chapter.level,
        "days": chapter.days,
        "title": words.title,
        "items": [{"item": item, "text": words.items[item].text} for item in chapter.items],
        "judged": sorted(chapter.judged),
        "is_read_only": chapter.is_read_only,
    }


def _result_document(result: ChapterResult, checked: Checked | None) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(result)
    if checked is not None:
        run = checked.run
        document["run"] = {
            "ending": run.ending,
            "exit_code": run.exit_code,
            "seconds": round(run.seconds, 3),
            "lines": run.output.lines,
        }
        document["lost_lines"] = checked.lost_lines
    return document


def _print_result(result: ChapterResult, checked: Checked | None, kept: Path | None, texts: CourseTexts) -> None:
    console = _console()
    rows = [
        (Text(texts.word(item.verdict.value), style=_STYLES[item.verdict]), Text(item.text), Text(item.why))
        for item in result.items
    ]
    title = texts.word("result", number=result.chapter, title=result.title)
    columns = tuple(texts.word(name) for name in ("result_column", "item_column", "reason_column"))
    console.print(make_table(title, columns, rows))
    console.print(_summary(result, checked, texts), markup=False, highlight=False)
    if checked is not None and checked.lost_lines:
        console.print(texts.word("lost_lines", lines=checked.lost_lines), markup=False, highlight=False)
    if checked is not None and kept is not None:
        console.print(texts.word("kept", folder=kept), markup=False, highlight=False)


def _summary(result: ChapterResult, checked: Checked | None, texts: CourseTexts) -> str:
    if checked is None:
        return texts.word("summary_unrun", unjudged=result.not_judged)
    run = checked.run
    ending = texts.word(run.ending, code=run.exit_code)
    counts = {"passed": result.passed, "failed": result.failed, "unjudged": result.not_judged}
    return texts.word("summary", **counts, seconds=f"{run.seconds:.1f}", ending=ending)
