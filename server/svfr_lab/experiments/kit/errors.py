"""What can go wrong around an experiment."""

from svfr_client.errors import SvfrError


class UnknownExperiment(SvfrError):
    """There is no experiment of that name."""

    code = "LAB_UNKNOWN_EXPERIMENT"


class ExperimentBegunOtherwise(SvfrError):
    """The folder holds a run of other settings, which cannot go on as this one."""

    code = "LAB_EXPERIMENT_BEGUN_OTHERWISE"


class ExperimentFolderIsDamaged(SvfrError):
    """What a run noted for the next start of itself is not what a run writes."""

    code = "LAB_EXPERIMENT_FOLDER_IS_DAMAGED"


class ClipsDoNotSuffice(SvfrError):
    """The given clips are too few or too short for what the experiment compares."""

    code = "LAB_CLIPS_DO_NOT_SUFFICE"
