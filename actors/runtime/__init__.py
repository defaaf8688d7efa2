"""The frame that every actor runs in: process, control link, logs, serving and dialling channels."""
