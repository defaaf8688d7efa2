"""What most programs need around their subscriptions: batches, latest values, rankings, alerts, gaps, open orders.

Each keeps its own bounds and counters. The `take` of a piece (a batcher's `add`) is a subscription's callback.
"""

from actors.client.pieces.alert import Alert
from actors.client.pieces.batcher import Batcher, BatcherStopped
from actors.client.pieces.crossing_alert import CrossingAlert, TurnoverAlert
from actors.client.pieces.latest_values import LatestValues
from actors.client.pieces.open_orders import OpenOrders
from actors.client.pieces.price_gap import MarketPrice, PriceGap
from actors.client.pieces.top_volume import TopVolume

__all__ = [
    "Alert",
    "Batcher",
    "BatcherStopped",
    "CrossingAlert",
    "LatestValues",
    "MarketPrice",
    "OpenOrders",
    "PriceGap",
    "TopVolume",
    "TurnoverAlert",
]
