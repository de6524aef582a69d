"""What each warning about a source or a clip means, for people."""

from collections.abc import Mapping

WARNINGS: Mapping[str, str] = {
    "no-audio-stream": "the video has no sound",
    "no-speech": "nobody speaks in the video",
    "language-unsure": "the language is a guess: name it with --language if the words are wrong",
    "duration-mismatch": "the file is shorter than it says; only what is there was used",
    "truncated-media": "the file is cut off; only what is there was used",
    "corrupt-media": "parts of the file are damaged; the clips may show it",
    "face-tracking": "face tracking failed, the window stays in the middle",
    "hardware-encoder-failed": "the hardware encoder failed, x264 was used instead",
}
