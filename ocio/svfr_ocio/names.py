"""The names this package gives to colour spaces and configs, in one place."""

from __future__ import annotations

STUDIO_URI = "ocio://studio-config-v2.1.0_aces-v1.3_ocio-v2.3"
"""The built-in config used when a job names none. Always a fixed address: ``default`` and ``latest`` move."""

CONFIG_NAME = "svfr-studio-config-v1"
LINEAR_REC709 = "Linear Rec.709 (sRGB)"
ACESCG = "ACEScg"
ACES2065_1 = "ACES2065-1"
CIE_XYZ_D65 = "CIE-XYZ-D65"
MODEL_SRGB = "SVFR Model - sRGB"
MODEL_SRGB_ALIASES = ("svfr_model_srgb", "svfr:srgb_mirror_rec709")
DISPLAY_LINEAR_REC709 = "SVFR Linear Rec.709 - Display"

SCENE_INTERCHANGE_ROLE = "aces_interchange"
DISPLAY_INTERCHANGE_ROLE = "cie_xyz_d65_interchange"
