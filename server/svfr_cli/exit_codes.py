"""What the ``svfr`` command tells the shell. These numbers are stable: scripts and farms rely on them.

====  =============  =====================================================================================
code  name           meaning
====  =============  =====================================================================================
0     OK             everything that was asked for is done
1     FAILED         the work itself failed, or a check (parity, doctor, model check) found a fault
2     USAGE          the command line is wrong; nothing was started
3     BAD_INPUT      the plate, mask, colour, frame range, reference or output is not usable
4     NO_SERVER      no server answers, it could not be started, or it refuses this client
5     CANCELLED      the job was cancelled, by this command or by somebody else
6     MODEL          the model is missing, damaged, of an unknown form, or its licence was not accepted
7     NO_RESOURCES   memory, disk or the GPU gave out while the job ran
====  =============  =====================================================================================

An error that holds several problems exits with the code they share, and with BAD_INPUT if they differ.
"""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from svfr_client.errors import SeveralProblems, SvfrError


class ExitCode(IntEnum):
    """The exit statuses of the ``svfr`` command."""

    OK = 0
    FAILED = 1
    USAGE = 2
    BAD_INPUT = 3
    NO_SERVER = 4
    CANCELLED = 5
    MODEL = 6
    NO_RESOURCES = 7


_GROUPS: dict[ExitCode, str] = {
    ExitCode.FAILED: """
        CANNOT_BUILD CANNOT_CHANGE_FILE FOLDER_NOT_OURS HOST_NOT_FOUND HOST_REFUSED HOST_VERSION_NOT_SUPPORTED
        PLATFORM_NOT_SUPPORTED PLUGIN_SOURCE_MISSING WHEEL_NOT_FOUND
        DEMO_CLIP_UNAVAILABLE DEMO_FILE_UNREADABLE NOTHING_RESTORED
        FARM_BUSY FARM_ENGINE_MISSING FARM_ENGINE_REFUSED FARM_FRAMES_MISSING FARM_TASK_FAILED
        INTERNAL PARITY_FAILED VECTORS_INVALID MODEL_NOT_FINITE NOT_FINITE RESTORED_NOT_FINITE ARRAY_SHAPE
        COLOUR_TRANSFORM_FAILED CROP_SHAPE_MISMATCH NOT_AN_RGB_IMAGE
        LAB_ARGUMENT_OUT_OF_RANGE LAB_EVALUATION_PLATE_FAILED LAB_EVALUATION_SPLIT_DIFFERS
        LAB_HEAD_ASSETS_DO_NOT_MATCH LAB_LIBRARIES_MISSING LAB_OFFSCREEN_GRAPHICS_UNAVAILABLE
        LAB_PICTURES_DO_NOT_MATCH LAB_RENDERED_FOLDER_IS_UNUSABLE LAB_REPORT_CANNOT_BE_WRITTEN
        LAB_VIDEO_CODEC_FAILED TRAINING_DATA_UNUSABLE TRAINING_DIVERGED
    """,
    ExitCode.USAGE: """
        BAD_SETTINGS LAB_EXPERIMENT_BEGUN_OTHERWISE LAB_TORCHSCRIPT_NOT_TRUSTED LAB_UNKNOWN_EXPERIMENT
    """,
    ExitCode.BAD_INPUT: """
        BAD_REFERENCE BOX_OUTSIDE CONFLICT FORBIDDEN_PATH MODEL_HAS_NO_DETAIL NOT_FOUND UNKNOWN_PRESET
        BAD_PATH_MAP PATH_NOT_MAPPED REFERENCE_GONE SOURCE_CHANGED
        NUKE_ALREADY_RESTORING NUKE_BAD_SETTING NUKE_NOTHING_TO_REPEAT NUKE_NO_PLATE NUKE_PROXY_MODE
        NUKE_RENDER_FAILED NUKE_RESULT_SPACE NUKE_ROTO_NOT_SUPPORTED NUKE_SPACE_UNKNOWN NUKE_VIEW_NOT_CHOSEN
        BAD_COLOUR_PROBE BAD_CROP_TRACK BAD_EXPOSURE BAD_FRAME_RANGE BAD_MASK BAD_PATH_PATTERN BAD_REQUEST
        COLOUR_MISMATCH COLOUR_SPACE_WITHOUT_PRIMARIES CONFIG_CHANGED CONFIG_MISSING CONFIG_TOO_NEW
        CONFIG_UNREADABLE CROP_TRACK_FRAME DATA_IS_NOT_COLOUR DEEP_EXR EMPTY_BOX EMPTY_FRAME_RANGE EMPTY_MASK
        EMPTY_RANGE FACE_POINTS_NEEDED FACE_TRACK_NOT_FOUND FOLDER_EXISTS FRAME_MISSING FRAME_SIZE_DIFFERS
        FRAME_TRUNCATED FRAME_UNREADABLE LAB_CLIPS_DO_NOT_MATCH LAB_CLIPS_DO_NOT_SUFFICE
        LAB_CLIPS_UNUSABLE LAB_CLIP_LAYOUT_NOT_RECOGNISED LAB_CLIP_LIST_INVALID LAB_PORTRAIT_LIST_INVALID
        LAB_LANDMARK_PREDICTOR_UNUSABLE
        LAB_FRAME_COUNTS_DIFFER LAB_FRAME_SIZES_DIFFER
        LAB_PICTURE_TOO_SMALL LAB_PROTOCOL_INVALID LAB_REAL_FOOTAGE_IS_UNUSABLE
        MASK_FRAMES_MISSING MASK_SIZE_DIFFERS MASK_UNREADABLE
        MOVIE_UNREADABLE NOTHING_TO_METER NO_FACE NO_RGB OUTPUT_EQUALS_PLATE OUTPUT_EXISTS
        OUTPUT_NOT_WRITABLE PIECES_MISSING PLATE_FORMAT_NOT_SUPPORTED PLATE_NOT_FOUND PROBLEMS
        SEED_OUT_OF_RANGE
        BAD_FARM_LEDGER BAD_FARM_PLAN BAD_SHOT_LIST FARM_ARTEFACT_DIFFERS FARM_ARTEFACT_MISSING
        FARM_NO_SUCH_SEGMENT
        SHOT_TOO_SHORT SUBSAMPLED_EXR TOO_LARGE TRAINING_RECIPE_INVALID UNKNOWN_BUILTIN_CONFIG
        UNKNOWN_COLOUR_SPACE UNKNOWN_TASK UNKNOWN_VIEW VIEW_NEEDS_THE_PLATE VIEW_HAS_NO_FRAMES
    """,
    ExitCode.NO_SERVER: """
        NUKE_NO_PYZMQ NUKE_SERVER_NOT_INSTALLED
        AUTH BAD_CONNECTION_FILE BAD_KEY FORBIDDEN NO_CREDIT NOT_PRIVATE NO_ANSWER NO_SERVER QUEUE_FULL
        VERSION FARM_SESSION_GONE
    """,
    ExitCode.CANCELLED: "CANCELLED",
    ExitCode.MODEL: """
        CHECKPOINT_HOLDS_CODE CHECKPOINT_UNREADABLE LICENCE_NOT_ACCEPTED MODEL_BROKEN MODEL_CONFIG_UNSUPPORTED
        MODEL_FILE_CORRUPTED MODEL_FILE_MISSING MODEL_HAS_NO_NETWORK MODEL_MISSING MODEL_SHAPES_WRONG
        MODEL_SPEC_INVALID MODEL_TENSORS_MISSING MODEL_TENSORS_UNEXPECTED START_UNUSABLE TRAINING_PART_MISSING
        FARM_MODEL_DIFFERS LAB_TORCHSCRIPT_UNUSABLE LAB_WEIGHTS_OF_ANOTHER_NETWORK
    """,
    ExitCode.NO_RESOURCES: """
        DISK_FULL DISK_SPACE_SHORT OOM STORAGE_FAILED TRANSFERS_FULL WORKER_CRASHED WRITE_FAILED
    """,
}

CODE_TO_EXIT: Mapping[str, ExitCode] = MappingProxyType(
    {code: exit_code for exit_code, codes in _GROUPS.items() for code in codes.split()}
)


def exit_code_of(error: SvfrError) -> ExitCode:
    """Return the exit status for an error; codes of newer servers that are not listed here are FAILED."""
    if isinstance(error, SeveralProblems):
        codes = {exit_code_of(problem) for problem in error.problems}
        return codes.pop() if len(codes) == 1 else ExitCode.BAD_INPUT
    return CODE_TO_EXIT.get(error.code, ExitCode.FAILED)
