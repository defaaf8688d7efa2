"""How others ask a running tree: one JSON object a line on RUN_DIR/control.sock."""
