"""Which moments of a source to take: asks ``editing``, and the machines where nobody speaks."""

from clipmill import resources
from clipmill.editing.choose import Choice, Wanted, choose, plain_moments
from clipmill.errors import NothingFound
from clipmill.media.decode import activity
from clipmill.model import Media, Transcript
from clipmill.studio import Studio, working_file


def choose_moments(studio: Studio, media: Media, transcript: Transcript) -> Choice:
    """The moments by what is said, or by sound and movement where nothing is and that was allowed.

    Raises NothingFound ``nothing-found`` or ``no-speech``.
    """
    options, wanted = studio.job.options, wanted_of(studio, media)
    if transcript.words:
        choice = choose(transcript, wanted=wanted, weights=resources.load_weights())
        if choice.chosen:
            return choice
    if not options.allow_silent:
        raise _nothing_found(transcript)
    file, cwd = working_file(studio), studio.work.scratch("activity")
    return plain_moments(activity(studio.services.ffmpeg, file, media, cwd=cwd), wanted=wanted)


def wanted_of(studio: Studio, media: Media) -> Wanted:
    """What was asked for, and how long the source is."""
    options = studio.job.options
    return Wanted(options.least, options.most, options.count, media.duration)


def _nothing_found(transcript: Transcript) -> NothingFound:
    if transcript.words:
        return NothingFound(
            "No stretch of speech can stand alone as a clip: try other lengths with --min and --max,"
            " or --allow-silent to cut by sound and movement instead.",
            code="nothing-found",
        )
    return NothingFound(
        "Nobody speaks in this video: use --allow-silent to cut clips by sound and movement instead.",
        code="no-speech",
    )
