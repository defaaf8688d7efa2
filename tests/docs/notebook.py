"""Cells of a notebook, run as a notebook runs them: one loop, which turns between the cells as well.

`python -m tests.docs.notebook FILE`, where FILE is a JSON list of cells. The value of an expression at a cell's end is
printed, unless it is None.
"""

import ast
import asyncio
import inspect
import json
import sys
from pathlib import Path
from types import CodeType
from typing import Any

BETWEEN_S = 0.2
"""What a reader does between two cells."""


async def run(cells: list[str]) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(cells, 1):
        tree = ast.parse(cell, f"cell {number}")
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        await _evaluate(compile(tree, f"cell {number}", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if isinstance(last, ast.Expr):
            expression = ast.Expression(last.value)
            code = compile(expression, f"cell {number}", "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            value = await _evaluate(code, names)
            if value is not None:
                print(repr(value))
        await asyncio.sleep(BETWEEN_S)


async def _evaluate(code: CodeType, names: dict[str, Any]) -> Any:
    value = eval(code, names)  # noqa: S307 - what the project's own documents say
    return await value if code.co_flags & inspect.CO_COROUTINE else value


if __name__ == "__main__":
    asyncio.run(run(json.loads(Path(sys.argv[1]).read_text("utf-8"))))
