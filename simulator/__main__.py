"""``python -m simulator``: listen until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import get_type_hints

import msgspec

from simulator.options import Options
from simulator.people import FIRST_PERSON
from simulator.server import Simulator


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Options from the command line; argparse exits with a message for a bad one."""
    parser = argparse.ArgumentParser(
        prog="python -m simulator",
        description="A Discord on localhost.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for field in msgspec.structs.fields(Options):
        flag = "--" + field.name.replace("_", "-")
        about = description(field.name)
        if isinstance(field.default, bool):
            boolean = argparse.BooleanOptionalAction
            parser.add_argument(flag, action=boolean, default=field.default, help=about)
        else:
            kind = type(field.default).__name__.upper()
            parser.add_argument(flag, default=field.default, metavar=kind, help=about)
    given = vars(parser.parse_args(arguments))
    if given["rate"] == "max":
        given["rate"] = None
    try:
        return msgspec.convert(given, Options, strict=False)
    except msgspec.ValidationError as wrong:
        parser.error(str(wrong))


def description(option: str) -> str:
    """What an option is for, as :class:`Options` says."""
    meta = get_type_hints(Options, include_extras=True)[option].__metadata__
    return str(next(part.description for part in meta if part.description is not None))


def help_lines(sim: Simulator) -> str:
    """What a newcomer needs to point Grux here."""
    return (
        f"  DISCORD_TOKEN={sim.token}\n"
        f"  DISCORD_API_URL={sim.api_url}\n"
        f"  DISCORD_CDN_URL={sim.cdn_url}\n"
        f"  PROFILE_UPSTREAM_URL={sim.url}/profiles/{{user_id}}\n"
        f"  control: {sim.url}/control\n"
        f"  user to watch: {FIRST_PERSON}"
    )


async def run(options: Options) -> int:
    """Listen until told to stop; returns the exit status."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    sim = Simulator(options)
    try:
        async with sim:
            print(f"simulator: listening on {sim.url}", flush=True)
            print(help_lines(sim), flush=True)
            await stop.wait()
    except OSError as error:
        place = f"{options.host}:{options.port}"
        print(f"simulator: cannot listen on {place}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(run(parse())))
