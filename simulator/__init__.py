"""A Discord on localhost: REST, gateway, CDN pictures, and users who change what they do.

Run it with ``python -m simulator``; in tests use :class:`simulator.server.Simulator`.
Importing this package alone costs nothing: it holds constants.
"""

from typing import Final

BOT_ID: Final = "970112316211200008"
# A bot token's first part is the bot's id in unpadded base64: clients read the id from it.
DEFAULT_TOKEN: Final = "OTcwMTEyMzE2MjExMjAwMDA4.simulator.not-a-secret"  # noqa: S105
DEFAULT_CLIENT_SECRET: Final = "simulated-client-not-a-secret"  # noqa: S105
