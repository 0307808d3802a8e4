"""Measure a result against the truth: python evaluate.py result.%04d.exr truth.%04d.exr acescg"""

import sys

from svfr_lab.evaluate.evaluate import Request, evaluate
from svfr_lab.evaluate.protocol import read_protocol
from svfr_lab.evaluate.report import Summary


def main(result: str, truth: str, space: str) -> None:
    request = Request(result, truth, read_protocol("plates"), result_space=space, truth_space=space)
    report = evaluate(request)
    for name, figure in report.clips[0].metrics.items():
        print(name, figure.mean if isinstance(figure, Summary) else figure.reason)


if __name__ == "__main__":
    main(*sys.argv[1:])
