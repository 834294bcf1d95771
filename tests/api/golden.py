"""Users as Redis holds them, and the exact responses that the api must send."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from shared.redis.store import Fields, Save

GUILD: Final = 492605905305600005


class Golden(Struct, frozen=True):
    user_id: int
    profile: bytes
    presence: bytes
    user: bytes  # the whole body of GET /user/:userid
    activity: bytes  # the whole body of GET /activity/:userid
    user_etag: str
    activity_etag: str

    def save(self) -> Save:
        discord = (
            b'{"user":{"id":"%d","username":"x"},"status":"online","client_status":{},'
            b'"activities":[]}' % self.user_id
        )
        return Save(self.user_id, Fields(self.profile, self.presence, discord), joined=(GUILD,))


RICH: Final = Golden(
    user_id=1274150219482660897,
    profile=(
        b'{"bot":false,"device":"desktop","id":"1274150219482660897",'
        b'"creation_date":"2024-08-16T23:38:04.891Z","username":"grwx","display_name":"Audibert",'
        b'"link":"https://discord.com/users/1274150219482660897",'
        b'"avatar":"6c9747063de19030c95daa80c1ca61c7",'
        b'"avatar_image":"https://cdn.discordapp.com/avatars/1274150219482660897/'
        b'6c9747063de19030c95daa80c1ca61c7.png?size=1024","avatar_decoration_image":null,'
        b'"nameplate_image":null,"badges":[{"id":"active_developer",'
        b'"description":"Active Developer","asset":"6bdc42827a38498929a4920da12695d9",'
        b'"badge_image":"https://cdn.discordapp.com/badge-icons/'
        b'6bdc42827a38498929a4920da12695d9.png"}],"clan":{"tag":"CODE",'
        b'"identity_guild_id":"1112920281367973900","asset":"b8161e357e4c3de4fb7c649b3523a1ea",'
        b'"clan_image":"https://cdn.discordapp.com/clan-badges/1112920281367973900/'
        b'b8161e357e4c3de4fb7c649b3523a1ea.png"},"connected_accounts":[],'
        b'"devices":{"desktop":"online","mobile":"idle"},"public_flags":4194304,"bio":null,'
        b'"banner_image":null,"accent_color":null,"kv":{},"pronouns":null,"links":[],"display_name_styles":null}'
    ),
    presence=(
        b'{"status":"online","spotify":{"type":"Listening to Spotify","name":"Spotify",'
        b'"song":"90mph","artist":"JBEE, Sillage","album":"90mph",'
        b'"album_image":"https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",'
        b'"link":"https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",'
        b'"timestamps":{"start":1750873861045,"end":1750874008612},"created_at":1750873861499,'
        b'"track_id":"6uT2TsDrCrXue7ROEfNeGN"},"activity":[{"type":"Playing",'
        b'"name":"Visual Studio Code","state":"Workspace: audibert",'
        b'"details":"Editing README.md","largeText":"Editing a MARKDOWN file",'
        b'"largeImage":"https://cdn.discordapp.com/app-assets/383226320970055681/'
        b'1359299128655347824.png","smallText":"Visual Studio Code",'
        b'"smallImage":"https://cdn.discordapp.com/app-assets/383226320970055681/'
        b'1359299466493956258.png","timestamps":{"start":1750865485922},'
        b'"created_at":1750873791410,"application_id":"383226320970055681","url":null,'
        b'"buttons":["View Repository"],"party":null}],'
        b'"custom_status":null,"listening":'
        b'{"app":"Spotify","application_id":null,"song":"90mph","artist":"JBEE, Sillage",'
        b'"album":"90mph",'
        b'"album_image":"https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",'
        b'"link":"https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",'
        b'"timestamps":{"start":1750873861045,"end":1750874008612},"created_at":1750873861499}}'
    ),
    user=(
        b'{"data":{"profile":{"bot":false,"device":"desktop","id":"1274150219482660897",'
        b'"creation_date":"2024-08-16T23:38:04.891Z","username":"grwx","display_name":"Audibert",'
        b'"link":"https://discord.com/users/1274150219482660897",'
        b'"avatar":"6c9747063de19030c95daa80c1ca61c7",'
        b'"avatar_image":"https://cdn.discordapp.com/avatars/1274150219482660897/'
        b'6c9747063de19030c95daa80c1ca61c7.png?size=1024","avatar_decoration_image":null,'
        b'"nameplate_image":null,"badges":[{"id":"active_developer",'
        b'"description":"Active Developer","asset":"6bdc42827a38498929a4920da12695d9",'
        b'"badge_image":"https://cdn.discordapp.com/badge-icons/'
        b'6bdc42827a38498929a4920da12695d9.png"}],"clan":{"tag":"CODE",'
        b'"identity_guild_id":"1112920281367973900","asset":"b8161e357e4c3de4fb7c649b3523a1ea",'
        b'"clan_image":"https://cdn.discordapp.com/clan-badges/1112920281367973900/'
        b'b8161e357e4c3de4fb7c649b3523a1ea.png"},"connected_accounts":[],'
        b'"devices":{"desktop":"online","mobile":"idle"},"public_flags":4194304,"bio":null,'
        b'"banner_image":null,"accent_color":null,"kv":{},"pronouns":null,"links":[],"display_name_styles":null},'
        b'"status":"online","spotify":{"type":"Listening to Spotify","name":"Spotify",'
        b'"song":"90mph","artist":"JBEE, Sillage","album":"90mph",'
        b'"album_image":"https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",'
        b'"link":"https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",'
        b'"timestamps":{"start":1750873861045,"end":1750874008612},"created_at":1750873861499,'
        b'"track_id":"6uT2TsDrCrXue7ROEfNeGN"},"activity":[{"type":"Playing",'
        b'"name":"Visual Studio Code","state":"Workspace: audibert",'
        b'"details":"Editing README.md","largeText":"Editing a MARKDOWN file",'
        b'"largeImage":"https://cdn.discordapp.com/app-assets/383226320970055681/'
        b'1359299128655347824.png","smallText":"Visual Studio Code",'
        b'"smallImage":"https://cdn.discordapp.com/app-assets/383226320970055681/'
        b'1359299466493956258.png","timestamps":{"start":1750865485922},'
        b'"created_at":1750873791410,"application_id":"383226320970055681","url":null,'
        b'"buttons":["View Repository"],"party":null}],'
        b'"custom_status":null,"listening":'
        b'{"app":"Spotify","application_id":null,"song":"90mph","artist":"JBEE, Sillage",'
        b'"album":"90mph",'
        b'"album_image":"https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",'
        b'"link":"https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",'
        b'"timestamps":{"start":1750873861045,"end":1750874008612},"created_at":1750873861499}},"success":true}'
    ),
    activity=(
        b'{"data":{"status":"online","spotify":{"type":"Listening to Spotify","name":"Spotify",'
        b'"song":"90mph","artist":"JBEE, Sillage","album":"90mph",'
        b'"album_image":"https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",'
        b'"link":"https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",'
        b'"timestamps":{"start":1750873861045,"end":1750874008612},"created_at":1750873861499,'
        b'"track_id":"6uT2TsDrCrXue7ROEfNeGN"},"activity":[{"type":"Playing",'
        b'"name":"Visual Studio Code","state":"Workspace: audibert",'
        b'"details":"Editing README.md","largeText":"Editing a MARKDOWN file",'
        b'"largeImage":"https://cdn.discordapp.com/app-assets/383226320970055681/'
        b'1359299128655347824.png","smallText":"Visual Studio Code",'
        b'"smallImage":"https://cdn.discordapp.com/app-assets/383226320970055681/'
        b'1359299466493956258.png","timestamps":{"start":1750865485922},'
        b'"created_at":1750873791410,"application_id":"383226320970055681","url":null,'
        b'"buttons":["View Repository"],"party":null}],'
        b'"custom_status":null,"listening":'
        b'{"app":"Spotify","application_id":null,"song":"90mph","artist":"JBEE, Sillage",'
        b'"album":"90mph",'
        b'"album_image":"https://i.scdn.co/image/ab67616d0000b2737aee7c56bd63016a79ddc9d1",'
        b'"link":"https://open.spotify.com/track/6uT2TsDrCrXue7ROEfNeGN",'
        b'"timestamps":{"start":1750873861045,"end":1750874008612},"created_at":1750873861499}},"success":true}'
    ),
    user_etag='"ad93b1965953ebbb33717d54"',
    activity_etag='"a467223733e5c7939ab8cee3"',
)

HOSTILE: Final = Golden(
    user_id=805588221034496004,
    profile=(
        b'{"bot":false,"device":null,"id":"805588221034496004",'
        b'"creation_date":"2021-02-01T00:00:00.000Z","username":"a.b_c9",'
        b'"display_name":"\xe2\x80\xae</script>\xf0\x9f\x8f\xb0\\"\\\\\\n",'
        b'"link":"https://discord.com/users/805588221034496004","avatar":null,'
        b'"avatar_image":"https://cdn.discordapp.com/embed/avatars/0.png",'
        b'"avatar_decoration_image":null,"nameplate_image":null,"badges":[],"clan":null,'
        b'"connected_accounts":[],"devices":{},"public_flags":0,"bio":null,'
        b'"banner_image":null,"accent_color":null,"kv":{},"pronouns":null,"links":[],"display_name_styles":null}'
    ),
    presence=(
        b'{"status":"dnd","spotify":null,"activity":[],"custom_status":'
        b'{"text":"}]},\\"success\\":false","emoji":{"name":"\xe2\x98\x95","id":null,'
        b'"animated":false,"image":null}},"listening":null}'
    ),
    user=(
        b'{"data":{"profile":{"bot":false,"device":null,"id":"805588221034496004",'
        b'"creation_date":"2021-02-01T00:00:00.000Z","username":"a.b_c9",'
        b'"display_name":"\xe2\x80\xae</script>\xf0\x9f\x8f\xb0\\"\\\\\\n",'
        b'"link":"https://discord.com/users/805588221034496004","avatar":null,'
        b'"avatar_image":"https://cdn.discordapp.com/embed/avatars/0.png",'
        b'"avatar_decoration_image":null,"nameplate_image":null,"badges":[],"clan":null,'
        b'"connected_accounts":[],"devices":{},"public_flags":0,"bio":null,'
        b'"banner_image":null,"accent_color":null,"kv":{},"pronouns":null,"links":[],"display_name_styles":null},'
        b'"status":"dnd","spotify":null,"activity":[],"custom_status":'
        b'{"text":"}]},\\"success\\":false","emoji":{"name":"\xe2\x98\x95","id":null,'
        b'"animated":false,"image":null}},"listening":null},"success":true}'
    ),
    activity=(
        b'{"data":{"status":"dnd","spotify":null,"activity":[],"custom_status":'
        b'{"text":"}]},\\"success\\":false","emoji":{"name":"\xe2\x98\x95","id":null,'
        b'"animated":false,"image":null}},"listening":null},"success":true}'
    ),
    user_etag='"c48bc56c676ca166bbdbb9aa"',
    activity_etag='"99268d21e894d12a9b58f358"',
)

BOT: Final = Golden(
    user_id=970112316211200008,
    profile=(
        b'{"bot":true,"device":"web","id":"970112316211200008",'
        b'"creation_date":"2022-05-01T00:00:00.000Z","username":"HelperBot",'
        b'"display_name":"HelperBot","link":"https://discord.com/users/970112316211200008",'
        b'"avatar":null,"avatar_image":"https://cdn.discordapp.com/embed/avatars/1.png",'
        b'"avatar_decoration_image":null,"nameplate_image":null,"badges":[],"clan":null,'
        b'"connected_accounts":[],"devices":{"web":"online"},"public_flags":65536,"bio":null,'
        b'"banner_image":null,"accent_color":0,"kv":{},"pronouns":null,"links":[],"display_name_styles":null}'
    ),
    presence=b'{"status":"invisible","spotify":null,"activity":[],"custom_status":null,"listening":null}',
    user=(
        b'{"data":{"profile":{"bot":true,"device":"web","id":"970112316211200008",'
        b'"creation_date":"2022-05-01T00:00:00.000Z","username":"HelperBot",'
        b'"display_name":"HelperBot","link":"https://discord.com/users/970112316211200008",'
        b'"avatar":null,"avatar_image":"https://cdn.discordapp.com/embed/avatars/1.png",'
        b'"avatar_decoration_image":null,"nameplate_image":null,"badges":[],"clan":null,'
        b'"connected_accounts":[],"devices":{"web":"online"},"public_flags":65536,"bio":null,'
        b'"banner_image":null,"accent_color":0,"kv":{},"pronouns":null,"links":[],"display_name_styles":null},'
        b'"status":"invisible","spotify":null,"activity":[],"custom_status":null,"listening":null},"success":true}'
    ),
    activity=(
        b'{"data":{"status":"invisible","spotify":null,"activity":[],"custom_status":null,"listening":null},'
        b'"success":true}'
    ),
    user_etag='"0a7f659922d82817c67ce9ee"',
    activity_etag='"ba24bfea33a631316a6e4141"',
)

GOLDEN: Final = {"rich": RICH, "hostile": HOSTILE, "bot": BOT}
