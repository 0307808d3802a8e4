"""The options that bound what a service may read and write, wherever a command starts or installs one."""

from typing import Annotated

import typer

ReadRoots = Annotated[
    list[str] | None, typer.Option("--read-root", help="Jobs read only below. Default: anywhere.")
]
WriteRoots = Annotated[
    list[str] | None, typer.Option("--write-root", help="Jobs write only below. Default: anywhere.")
]
