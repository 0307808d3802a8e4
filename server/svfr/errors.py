"""The errors of the method: every bad model, input or configuration has a name, a place and a remedy."""

from __future__ import annotations

from collections.abc import Sequence

from svfr_client.errors import SvfrError


class ModelMissing(SvfrError):
    """No model folder has the asked name or path."""

    code = "MODEL_MISSING"


class ModelSpecInvalid(SvfrError):
    """A model.json that cannot be read.

    ``problems`` holds one sentence for each thing wrong with it.
    """

    code = "MODEL_SPEC_INVALID"

    def __init__(self, problems: Sequence[str], *, path: object = None) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "The model description is not valid: " + "; ".join(self.problems) + ".",
            path=path,
            remedy="Fix model.json, or import or install the model again.",
        )


class CompiledFolderUnsafe(SvfrError):
    """The folder of compiled networks, which are code, can be written by others."""

    code = "COMPILED_FOLDER_UNSAFE"


class ModelHasNoNetwork(SvfrError):
    """A built-in model without weights was asked for its network."""

    code = "MODEL_HAS_NO_NETWORK"


class DeviceUnavailable(SvfrError):
    """No networks can be put on the asked device: it is none, or this machine does not have it."""

    code = "DEVICE_UNAVAILABLE"


class ModelFileMissing(SvfrError):
    """A file that a model needs is not in its folder."""

    code = "MODEL_FILE_MISSING"


class ModelFileCorrupted(SvfrError):
    """A file of a model folder differs from what was written there."""

    code = "MODEL_FILE_CORRUPTED"


class TensorsMissing(SvfrError):
    """A weight file lacks tensors that the architecture has."""

    code = "MODEL_TENSORS_MISSING"


class TensorsUnexpected(SvfrError):
    """A weight file holds tensors that the architecture does not have."""

    code = "MODEL_TENSORS_UNEXPECTED"


class TensorShapesWrong(SvfrError):
    """A weight file's tensors are not of the architecture's shapes."""

    code = "MODEL_SHAPES_WRONG"


class CheckpointUnreadable(SvfrError):
    """A weight file is truncated, or of no known format."""

    code = "CHECKPOINT_UNREADABLE"


class CheckpointHoldsCode(SvfrError):
    """A .pth file would run code when loaded, and was refused."""

    code = "CHECKPOINT_HOLDS_CODE"


class OfficialConfigUnsupported(SvfrError):
    """A configuration beside the official weights describes something this sampler does not do."""

    code = "MODEL_CONFIG_UNSUPPORTED"


class LicenceNotAccepted(SvfrError):
    """Weights are imported only once their licence is accepted."""

    code = "LICENCE_NOT_ACCEPTED"


class FolderExists(SvfrError):
    """A folder that would be written is already there; nothing is overwritten."""

    code = "FOLDER_EXISTS"


class UnknownPreset(SvfrError):
    """The model has no preset of that name."""

    code = "UNKNOWN_PRESET"


class PresetNotOfficial(SvfrError):
    """A preset that leaves work out was chosen with the official sampler, which leaves out none."""

    code = "PRESET_NOT_OFFICIAL"


class ModelHasNoDetail(SvfrError):
    """Fine texture is asked of a model that has no network for it."""

    code = "MODEL_HAS_NO_DETAIL"


class DetailOutOfRange(SvfrError):
    """An amount of detail that is no number from 0 to 1."""

    code = "DETAIL_OUT_OF_RANGE"


class FacePointsNeeded(SvfrError):
    """The identity encoder cuts the face by five points, and none were given."""

    code = "FACE_POINTS_NEEDED"


class UnknownTask(SvfrError):
    """A task name that is none of bfr, colorize, inpaint, or no task at all."""

    code = "UNKNOWN_TASK"


class SeedOutOfRange(SvfrError):
    """A seed that does not fit the 64-bit key of the noise generator."""

    code = "SEED_OUT_OF_RANGE"


class ShotTooShort(SvfrError):
    """Official mode was asked for fewer frames than the published sampler can handle."""

    code = "SHOT_TOO_SHORT"


class CropShapeMismatch(SvfrError):
    """Crops, a reference, tokens or a checkpoint do not have the shape or type the model works on."""

    code = "CROP_SHAPE_MISMATCH"


class NotFinite(SvfrError):
    """Crops hold NaN or infinity, which one window would spread over the whole shot."""

    code = "NOT_FINITE"


class Cancelled(SvfrError):
    """The caller asked the sampler to stop; every finished denoise step is saved."""

    code = "CANCELLED"


class VectorsInvalid(SvfrError):
    """A folder of reference vectors lacks a file, or a file lacks a tensor."""

    code = "VECTORS_INVALID"


class UnknownHoleFill(SvfrError):
    """The model's description asks for a hole fill that does not exist."""

    code = "MODEL_BROKEN"
