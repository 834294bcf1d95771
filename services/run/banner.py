"""What is printed when all of it runs: every line works when it is pasted."""

from __future__ import annotations

import sys
from pathlib import Path

from services.run.plan import Plan
from shared.discord.bot_token import bot_id, invite_url

RUNS = """
Grux runs.

  Page        {api}/
  REST        {api}
  WebSocket   {ws}
  Metrics     {metrics}
  Discord     {discord}
"""

METRICS = "{url}/metrics of the gateway; of api, ws and cards on the next three ports"
NO_METRICS = "none: METRICS_PORT is 0, or no four ports in a row from 9100 on are free"

SIMULATED = "simulated at {url}, because there is no DISCORD_TOKEN"

EXAMPLES = """
Read a presence:
  curl {api}/user/{person}

Watch it change{often}:
  {python} -m services.run.watch '{ws}/?user_id={person}'

The same in a browser's console:
  new WebSocket("{ws}/?user_id={person}").onmessage = (frame) => console.log(frame.data)
"""

NOBODY = """
Nobody is monitored yet. Invite the bot to a server of yours, with the Server Members and
Presence intents switched on:
  {invite}
Then: curl {api}/user/<the id of a user of that server>
"""

END = "\nCtrl-C ends all of it.\n"


def text(plan: Plan, person: int | None) -> str:
    """`person`: a monitored user, None when there is nobody."""
    simulated = plan.simulator is not None
    discord = SIMULATED.format(url=plan.simulator_url) if simulated else "the bot of DISCORD_TOKEN"
    metrics = METRICS.format(url=plan.metrics_url) if plan.metrics_url else NO_METRICS
    top = RUNS.format(api=plan.api_url, ws=plan.ws_url, metrics=metrics, discord=discord)
    if person is None:
        return top + NOBODY.format(api=plan.api_url, invite=_invite(plan.token)) + END
    examples = EXAMPLES.format(
        api=plan.api_url,
        ws=plan.ws_url,
        person=person,
        python=_python(),
        often=" (this person's does every few seconds)" if simulated else "",
    )
    return top + examples + END


def _python() -> Path:
    """The running Python, from here if it is below here."""
    running = Path(sys.executable)
    return running.relative_to(Path.cwd()) if running.is_relative_to(Path.cwd()) else running


def _invite(token: str) -> str:
    bot = bot_id(token)
    if bot is None:
        return "https://discord.com/developers/applications (OAuth2, scope bot)"
    return invite_url(bot)
