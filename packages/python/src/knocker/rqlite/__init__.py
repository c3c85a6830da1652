"""Hooks on a cluster of rqlite instead of a file: an experiment. ``docs/beyond-one-machine.md`` says what holds."""
