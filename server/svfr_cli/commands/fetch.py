"""``svfr fetch``: the frames of a job at a server elsewhere, also of one that another run handed in."""

from dataclasses import replace
from typing import Annotated

import typer

from svfr_client.job import JobSpec
from svfr_client.vocabulary import EXISTING_POLICIES, WordReader

from ..output import silence_note, speaking
from .options import AsJson, Server
from .restore_options import Existing


def fetch(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job, as svfr restore printed it.")],
    server: Server = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            "-o",
            help="Where to. Default: where svfr restore, or the last svfr fetch, put them.",
        ),
    ] = None,
    existing: Existing = JobSpec.existing,
    as_json: AsJson = False,
) -> None:
    """Fetch the frames of a job from a server elsewhere, and wait for those that are not restored yet."""
    with speaking(as_json, server) as output:
        from svfr_client.errors import BadJob, raise_problems
        from svfr_client.protocol.messages import check_job_id
        from svfr_client.transfer.delivery import Delivery
        from svfr_client.transfer.output_here import fetched_to

        from ..elsewhere import JobElsewhere, TransferPrinter, place_of, warn_unnoted
        from ..follow import follow, written_text
        from ..job_options import absolute

        words = WordReader()
        policy = words.one("existing", existing, EXISTING_POLICIES)
        raise_problems(words.problems)
        place = place_of(server)
        noted = Delivery.noted(check_job_id(job), place.path_map())
        if noted.output is None and out is None:
            text = "Nothing is noted of this job on this machine."
            raise BadJob(text, remedy="Say where its frames should go with --out.")
        with place.client() as client:
            client.report_silence(silence_note(output))
            to = noted.output if out is None else absolute(out)
            assert to is not None, "else it is refused above"
            delivery = fetched_to(client, noted, to, policy)
            # Only what the job itself may replace is noted, for a delivery that goes on by itself.
            replaces = noted.replaces and noted.output == delivery.output
            delivery = replace(delivery, unnoted=replace(delivery, replaces=replaces).note())
            warn_unnoted(output, delivery.unnoted)
            elsewhere = JobElsewhere(client, delivery, TransferPrinter(output), server=server)
            followed = follow(elsewhere, job, output)
        output.note(written_text(followed))
