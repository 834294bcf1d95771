"""The text that the runner prints when everything is ready: each command in it can be pasted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from services.run.plan import Plan
from shared.discord.bot_token import bot_id, invite_url

RUNNING: Final = """
Grux is running.

  Page        {api}/
  REST        {api}
  WebSocket   {ws}
  Metrics     {metrics}
  Discord     {discord}
"""

METRICS: Final = "{url}/metrics (gateway); api, ws and cards use the next three ports"
NO_METRICS: Final = "off: METRICS_PORT is 0, or there are no four free ports in a row from 9100 on"

SIMULATED: Final = "simulated at {url}, because DISCORD_TOKEN is not set"
REAL: Final = "the bot of DISCORD_TOKEN"

EXAMPLES: Final = """
Read a presence:
  curl {api}/user/{user_id}

Watch it change{often}:
  {python} -m services.run.watch '{ws}/?user_id={user_id}'

Watch it in a browser's console:
  new WebSocket("{ws}/?user_id={user_id}").onmessage = (frame) => console.log(frame.data)
"""

HISTORY: Final = """
Read what this user did before:
  curl {api}/history/{user_id}
"""

COMMANDS: Final = """
Use the bot's commands as a simulated person:
  {url}/chat
"""

OFTEN: Final = " (this user's presence changes every few seconds)"

NO_USERS: Final = """
No user is monitored yet. At https://discord.com/developers/applications, under Bot, enable the
Presence and Server Members intents. Then add the bot to a server of yours:
  {invite}
Then read the presence of any member of that server:
  curl {api}/user/<the member's user id>
"""

END: Final = "\nPress Ctrl-C to stop everything.\n"


def text(plan: Plan, user_id: int | None) -> str:
    """`user_id`: a monitored user for the examples, or None if there is none yet."""
    simulated = plan.simulator is not None
    metrics = METRICS.format(url=plan.metrics_url) if plan.metrics_url else NO_METRICS
    running = RUNNING.format(
        api=plan.api_url,
        ws=plan.ws_url,
        metrics=metrics,
        discord=SIMULATED.format(url=plan.simulator_url) if simulated else REAL,
    )
    if user_id is None:
        return running + NO_USERS.format(api=plan.api_url, invite=_invite(plan.token)) + END
    examples = EXAMPLES.format(
        api=plan.api_url,
        ws=plan.ws_url,
        user_id=user_id,
        python=_python(),
        often=OFTEN if simulated else "",
    )
    if not simulated:
        return running + examples + END
    history = HISTORY.format(api=plan.api_url, user_id=user_id)
    return running + examples + history + COMMANDS.format(url=plan.simulator_url) + END


def _python() -> Path:
    """The running Python, relative to the working folder if it is inside."""
    python = Path(sys.executable)
    return python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python


def _invite(token: str) -> str:
    bot = bot_id(token)
    if bot is None:
        return "https://discord.com/developers/applications (OAuth2, scope bot)"
    return invite_url(bot)
