"""When the words of the best candidates were truly said, where captions only say so for whole lines."""

from clipmill.model import Transcript
from clipmill.studio import Studio
from clipmill.wording import known_transcript


def known_words(studio: Studio) -> Transcript:
    """The words that clips are cut and captioned by: the transcript, with the times of ``words.json``."""
    return known_transcript(studio)
