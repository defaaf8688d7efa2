"""Tables of expectations, written out so that they can be read as tables."""


def rows(table: str) -> list[tuple[str, ...]]:
    """Return the cells of each line below the heading."""
    lines = [line for line in table.strip().splitlines() if line.strip()]
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines[1:]]
