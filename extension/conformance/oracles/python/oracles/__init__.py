"""One module for each provider: how its libraries verify, and where they can, sign. `ORACLES` is what the tests run."""
