"""Lets a job go on after its worker died: what the first attempt wrote is its own, not somebody else's.

The policy for existing outputs is about files that are not the job's. A second attempt that finds the first
one's frames must neither refuse them nor step aside to a new version, so it may replace the files that say
they are of this very job, and no others: between two attempts a day may pass. What it needs to know is kept
in the job's journal, before the first file appears: a crash at any moment finds either no file or the note.
"""

from dataclasses import replace
from typing import Any, cast

from svfr_client.job import JobSpec
from svfr_client.sequences import pattern_of_file
from svfr_client.vocabulary import OWN, ExistingPolicy
from svfr_server.job_store.checkpoints import DiskCheckpoints

_BEGUN = "begun"
_OUTPUT = "output"


class Resumption:
    """One attempt at a job.

    Pass every report through :meth:`note` before it is sent on, and the path of every output through
    :meth:`appears` before it is there.
    """

    def __init__(self, spec: JobSpec, journal: DiskCheckpoints) -> None:
        self._spec = spec
        self._journal = journal
        self._is_begun = journal.load_note(_BEGUN) is not None
        self._output = journal.load_note(_OUTPUT)

    def spec_to_run(self) -> JobSpec:
        """Return the job as this attempt should run it; for a first attempt, as it was handed in.

        With "version_up" the first attempt's version is known once its first file was about to appear;
        before that a new version is taken, as in a first attempt.
        """
        if not self._is_begun or self._spec.existing == "overwrite":
            return self._spec
        if self._spec.existing == "version_up" and self._output is None:
            return self._spec
        own = cast(ExistingPolicy, OWN)
        return replace(self._spec, existing=own, output=self._output or self._spec.output)

    def note(self, report: Any) -> None:
        """Note what a later attempt must know.

        A pipeline reports nothing before its checks of the output have passed, so the first report means
        that whatever is found there later is this job's.
        """
        if not self._is_begun:
            self._is_begun = True
            self._journal.save_note(_BEGUN, True)

    def appears(self, path: str) -> None:
        """Note where the outputs go, with the first one, and anew where that place was taken."""
        output = pattern_of_file(path, like=self._spec.output) or path
        if output != self._output:
            self._output = output
            self._journal.save_note(_OUTPUT, output)
