"""The exchange's wire: messages, decoding and encoding, requests, subscriptions, tokens, limits, REST bodies."""
