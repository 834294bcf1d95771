"""The banner for a real bot; test_make_run.py runs the commands of the simulated one."""

from __future__ import annotations

from services.run import banner, plan

ANY_PORTS = {"API_PORT": "0", "WS_PORT": "0", "CARDS_PORT": "0"}


def made(token: str) -> plan.Plan:
    return plan.make_plan({**ANY_PORTS, "DISCORD_TOKEN": token})


def test_a_bot_without_servers_is_invited() -> None:
    """Without a monitored user: the link invites the bot whose id the token begins with."""
    shown = banner.text(made("OTcwMTEyMzE2MjExMjAwMDA4.not.real"), None)
    assert "https://discord.com/oauth2/authorize?client_id=970112316211200008&scope=bot" in shown
    assert "not.real" not in shown


def test_a_token_without_an_id_gives_no_link() -> None:
    """Without an id in the token, the text says where to find the link."""
    assert "https://discord.com/developers/applications" in banner.text(made("?.?.?"), None)


def test_a_monitored_user_is_in_each_example() -> None:
    """The commands to paste name a monitored user."""
    shown = banner.text(made("OTcwMTEyMzE2MjExMjAwMDA4.not.real"), 1274150219482660897)
    assert shown.count("1274150219482660897") == 3
    assert "simulated" not in shown
