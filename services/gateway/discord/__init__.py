"""Discord's side of the gateway. hikari is imported in this package alone, and lazily."""

from services.gateway.discord.lazy_hikari import install

install()
