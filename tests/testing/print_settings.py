"""A module that children of test_process.py run: it prints each setting of Grux that it reads."""

from __future__ import annotations

import sys
import time

import msgspec

from shared import config

KINDS = (config.GatewaySettings, config.ApiSettings, config.WsSettings, config.CardsSettings)

if __name__ == "__main__":
    env = config.environment()
    names = {field.name.upper() for kind in KINDS for field in msgspec.structs.fields(kind)}
    for name in sorted(names & env.keys()):
        print(f"{name}={env[name]}")
    if sys.argv[1:] == ["wait"]:
        time.sleep(600)
