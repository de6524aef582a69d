"""What each warning about a source or a clip means, for people."""

from collections.abc import Mapping

WARNINGS: Mapping[str, str] = {
    "no-audio-stream": "the video has no sound",
    "no-speech": "nobody speaks in the video",
    "language-unsure": "the language is a guess: name it with --language if the words are wrong",
    "word-times-estimated": "only lines have times and nothing could be heard: captions follow the lines,"
    " not each word",
    "speech-service-failed": "the speech service failed, so the local model listened instead",
    "words-outside-source": "parts of the transcript lie outside the video and were left out",
    "font-missing-letters": "some letters are in none of the fonts and are left out of the picture",
    "duration-mismatch": "the file is shorter than it says; only what is there was used",
    "truncated-media": "the file is cut off; only what is there was used",
    "corrupt-media": "parts of the file are damaged; the clips may show it",
    "face-tracking": "face tracking failed, the window stays in the middle",
    "faces-not-measured": "the faces in the finished clip could not be measured",
    "hardware-encoder-failed": "the hardware encoder failed, x264 was used instead",
}
