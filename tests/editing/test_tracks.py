"""Faces of single frames joined into one track per person."""

from clipmill.editing.tracks import frames_of, join_faces, shots
from clipmill.model import Span
from sight_kit import face, sighting


def test_two_people_are_two_tracks() -> None:
    seen = sighting(4, lambda t: face(0.2 + 0.01 * t), lambda t: face(0.8 - 0.01 * t))
    tracks = join_faces(seen.frames)
    assert [len(track.faces) for track in tracks] == [20, 20]
    assert {round(track.faces[0][1].box.centre_x, 2) for track in tracks} == {0.2, 0.8}


def test_two_people_who_stand_close_keep_their_own_tracks() -> None:
    seen = sighting(4, lambda _: face(0.45), lambda _: face(0.56))
    tracks = join_faces(seen.frames)
    assert all(len({round(f.box.centre_x, 2) for _, f in track.faces}) == 1 for track in tracks)


def test_a_face_that_turns_away_for_a_moment_stays_the_same_person() -> None:
    seen = sighting(4, lambda t: None if 1.9 < t < 2.7 else face(0.5))
    assert len(join_faces(seen.frames)) == 1


def test_a_face_that_comes_back_much_later_is_somebody_new() -> None:
    seen = sighting(6, lambda t: None if 1.9 < t < 4 else face(0.5))
    assert len(join_faces(seen.frames)) == 2


def test_what_is_seen_in_two_samples_only_is_no_face() -> None:
    seen = sighting(4, lambda t: face(0.5) if 0.9 < t < 1.3 else None)
    assert join_faces(seen.frames) == ()


def test_hits_that_come_and_go_are_no_face() -> None:
    seen = sighting(4, lambda t: face(0.5) if round(t * 5) % 2 else None)
    assert join_faces(seen.frames) == ()


def test_a_face_below_a_fortieth_of_the_height_does_not_count() -> None:
    assert join_faces(sighting(4, lambda _: face(0.5, 0.01)).frames) == ()
    assert join_faces(sighting(4, lambda _: face(0.5, 0.012)).frames) != ()


def test_a_box_of_quite_another_size_is_another_face() -> None:
    seen = sighting(4, lambda t: face(0.5, 0.06 if t < 2 else 0.2))
    assert len(join_faces(seen.frames)) == 2


def test_a_shot_shorter_than_three_samples_still_has_its_face() -> None:
    seen = sighting(0.4, lambda _: face(0.5))
    assert len(join_faces(seen.frames)) == 1


def test_shots_lie_between_the_cuts_and_fill_the_span() -> None:
    seen = sighting(6, lambda _: face(0.5), cuts=(2.04, 4.0, 6.0))
    assert shots(seen) == (Span(0, 2.04), Span(2.04, 4.0), Span(4.0, 6))
    assert [len(frames_of(shot, seen.frames)) for shot in shots(seen)] == [11, 9, 10]
