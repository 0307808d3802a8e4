"""Configs as a studio writes its own."""

from collections.abc import Mapping


def own_config(linear: str, ap0: str, spaces: Mapping[str, str], search_path: str = "''") -> str:
    """Return a config in which ACEScg is called ``linear``; ``spaces`` hold the way to ACES of each other."""
    ways = {linear: "BuiltinTransform> {style: ACEScg_to_ACES2065-1}", **spaces}
    written = "".join(
        f"  - !<ColorSpace>\n    name: {name}\n    to_scene_reference: !<{way}\n"
        for name, way in ways.items()
    )
    return f"""ocio_profile_version: 2
search_path: {search_path}
roles: {{scene_linear: {linear}, aces_interchange: {ap0}, default: {linear}}}
displays: {{screen: [!<View> {{name: raw, colorspace: {linear}}}]}}
colorspaces:
  - !<ColorSpace> {{name: {ap0}}}
{written}"""
