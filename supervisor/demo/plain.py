"""A snapshot as one line, for output that is no terminal."""

from actors.commands.number_text import amount_text, rate_text
from supervisor.demo.snapshot import Snapshot


def plain_line(snapshot: Snapshot) -> str:
    """Return time, processes that are up, prices with their change, open orders and alerts so far."""
    children = () if snapshot.tree is None else snapshot.tree.children
    up = sum(child.state == "ready" for child in children)
    parts = [f"{snapshot.elapsed_s:.1f}s", f"up={up}/{len(children)}"]
    for price in snapshot.state("price_monitor").get("prices", ()):
        parts += [price["market"], amount_text(price["trade_price"]), rate_text(price["signed_change_rate"])]
    scan = snapshot.state("market_scanner")
    alerts = len(snapshot.state("price_monitor").get("alerts", ()))
    parts += ["markets", str(scan.get("seen", 0))]
    parts += ["orders", str(snapshot.state("order_tracker").get("open_orders", 0)), "alerts", str(alerts)]
    restarts = sum(child.restarts for child in children)
    if restarts:
        parts += ["restarts", str(restarts)]
    public = snapshot.state("public")
    if public and public["link"] != "up":
        parts += ["link", public["link"]]
    return " ".join(parts)
