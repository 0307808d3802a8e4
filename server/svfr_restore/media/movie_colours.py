"""Where a movie's colour tags change: recordings that were joined keep the tags of each.

Codecs state them where decoding can start, so only such frames are decoded, and of many only some.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

import av
import av.error

from svfr_restore.media.movie_reader import MovieReader

_MOST_DECODED = 24


def first_other(
    reader: MovieReader, places: Sequence[int], is_same: Callable[[av.VideoFrame], bool]
) -> int | None:
    """Return the first of ``places`` (positions in the movie, in order) whose picture is not the same.

    None where all that were decoded are, and for a movie that can only be read from its beginning. Of more
    than 24 starts as many are decoded, spread evenly, so a change that is soon taken back may stay unseen.
    A picture that cannot be decoded is left to whoever reads it.
    """
    index = reader.index
    if index.times is None or not places:
        return None
    starts = [bisect.bisect_left(index.times, start) for start in index.starts]
    used = sorted({starts[max(0, bisect.bisect_right(starts, place) - 1)] for place in places if starts})

    def differs(number: int) -> bool:
        try:
            return not is_same(reader.frame(used[number]))
        except (av.error.FFmpegError, ValueError):
            return False

    stride = max(1, -(-len(used) // _MOST_DECODED))
    last_same = -1
    for number in sorted({*range(0, len(used), stride), len(used) - 1} - {-1}):
        if differs(number):
            found = bisect.bisect_left(range(last_same + 1, number), True, key=differs) + last_same + 1
            return next(place for place in places if place >= used[found])
        last_same = number
    return None
