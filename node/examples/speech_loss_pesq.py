"""Adds PESQ-WB (ITU-T P.862.2, PyPI `pesq`) to the JSON lines of the example `speech_loss`; needs `numpy` and `pesq`.

Reads the lines from stdin, prints each with the field `pesq_wb`, then one line per loss with the gain over plain
concealment. The recordings are compared in pieces of about eight seconds, the length that P.862 was trained on, with the
ear's delay found by correlation first; the mean over the pieces counts.
"""

import json
import sys
import wave

import numpy as np
from pesq import pesq

RATE = 16_000
PIECE = 8 * RATE


def load(path):
    with wave.open(path) as w:
        assert (w.getframerate(), w.getnchannels(), w.getsampwidth()) == (RATE, 1, 2), path
        return np.frombuffer(w.readframes(w.getnframes()), dtype="<i2").astype(np.float64)


def delay(reference, heard):
    n = 1 << int(np.ceil(np.log2(len(reference) + len(heard))))
    cross = np.fft.irfft(np.fft.rfft(heard, n) * np.conj(np.fft.rfft(reference, n)), n)
    return int(np.argmax(cross[: RATE]))


def score(reference, heard):
    shift = delay(reference, heard)
    heard = np.concatenate([heard[shift:], np.zeros(len(reference))])[: len(reference)]
    pieces = max(1, round(len(reference) / PIECE))
    edges = [len(reference) * i // pieces for i in range(pieces + 1)]
    parts = [pesq(RATE, reference[a:b], heard[a:b], "wb") for a, b in zip(edges, edges[1:])]
    return sum(parts) / len(parts)


def main():
    scores = {}
    for line in sys.stdin:
        row = json.loads(line)
        row["pesq_wb"] = round(score(load(row["reference"]), load(row["file"])), 3)
        scores.setdefault(row["loss_percent"], {})[row["mode"]] = row["pesq_wb"]
        print(json.dumps(row))
    for loss, by_mode in scores.items():
        gain = round(by_mode["ours"] - by_mode["plain"], 3)
        print(json.dumps({"name": f"speech-loss/{loss}", "ours": by_mode["ours"], "other": by_mode["plain"], "gain": gain, "unit": "PESQ-WB"}))


main()
