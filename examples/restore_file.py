"""Restore a plate on disk: python restore_file.py shot.%04d.exr out/shot.%04d.exr acescg"""

import sys

import svfr_restore


def main(plate: str, output: str, space: str) -> None:
    def progress(report: svfr_restore.Report) -> None:
        if report.kind == "warning":
            print("warning:", report.message)
        elif report.kind == "frame":
            print("written:", report.path)

    result = svfr_restore.restore(plate, output, tasks=["bfr"], space=space, progress=progress)
    print(f"{len(result.outputs)} frames, faces {result.tracks}")


if __name__ == "__main__":
    main(*sys.argv[1:])
