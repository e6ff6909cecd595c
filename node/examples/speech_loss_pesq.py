"""Adds PESQ-WB (ITU-T P.862.2, PyPI `pesq`) to JSON lines that name recordings; needs `numpy` and `pesq`.

Reads lines with `file` and `reference` (mono WAV of 16 or 48 kHz and 16 bit) from stdin and prints each with the field
`pesq_wb`. The silence around the reference does not count, the ear's delay is found by correlation, and the two are
compared in pieces of about eight seconds, the length that P.862 was trained on; the mean over the pieces counts.
"""

import json
import multiprocessing
import sys
import wave

import numpy as np
from pesq import pesq

RATE = 16_000
PIECE = 8 * RATE


def low_pass():
    """A windowed sinc at 7.6 kHz of 48 kHz (Blackman), unity gain at zero: what is above must not fold down."""
    n = np.arange(193) - 96
    taps = np.sinc(2 * 7_600 / 48_000 * n) * np.blackman(len(n))
    return taps / taps.sum()


def load(path):
    with wave.open(path) as w:
        assert (w.getnchannels(), w.getsampwidth()) == (1, 2) and w.getframerate() in (RATE, 3 * RATE), path
        sound = np.frombuffer(w.readframes(w.getnframes()), dtype="<i2").astype(np.float64)
        if w.getframerate() == RATE:
            return sound
    return np.convolve(sound, low_pass(), "same")[::3]


def spoken(reference):
    loud = np.flatnonzero(np.abs(reference) >= 1)
    return reference[loud[0] : loud[-1] + 1]


def delay(reference, heard):
    n = 1 << int(np.ceil(np.log2(len(reference) + len(heard))))
    cross = np.fft.irfft(np.fft.rfft(heard, n) * np.conj(np.fft.rfft(reference, n)), n)
    return int(np.argmax(cross[: len(heard)]))


def score(reference, heard):
    reference = spoken(reference)
    shift = delay(reference, heard)
    heard = np.concatenate([heard[shift:], np.zeros(len(reference))])[: len(reference)]
    pieces = max(1, round(len(reference) / PIECE))
    edges = [len(reference) * i // pieces for i in range(pieces + 1)]
    parts = [pesq(RATE, reference[a:b], heard[a:b], "wb") for a, b in zip(edges, edges[1:])]
    return sum(parts) / len(parts)


def scored(line):
    row = json.loads(line)
    row["pesq_wb"] = round(score(load(row["reference"]), load(row["file"])), 3)
    return json.dumps(row)


if __name__ == "__main__":
    with multiprocessing.Pool() as pool:
        for line in pool.imap(scored, sys.stdin):
            print(line)
