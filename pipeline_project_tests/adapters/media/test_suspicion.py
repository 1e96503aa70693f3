from pipeline_project.adapters.media.suspicion import MAX_DOUBTED_FRAMES, Suspicion


def sound(suspicion, packet, damaged=False, whole=False):
    return suspicion.clears(packet, damaged=damaged, whole=whole)


def test_without_a_failure_all_is_sound():
    assert all(sound(Suspicion(), packet) for packet in range(5))


def test_after_a_failure_nothing_is_sound_until_a_keyframe():
    suspicion = Suspicion()
    suspicion.begin(10)
    assert not sound(suspicion, 11)
    assert not sound(suspicion, 12)
    assert sound(suspicion, 13, whole=True)
    assert sound(suspicion, 14)


def test_older_frames_that_leave_the_decoder_late_stay_sound_and_end_nothing():
    suspicion = Suspicion()
    suspicion.begin(10)
    assert sound(suspicion, 8)
    assert sound(suspicion, 9, whole=True)
    assert not sound(suspicion, 11)


def test_a_damaged_keyframe_begins_doubt_rather_than_ending_it():
    suspicion = Suspicion()
    assert not sound(suspicion, 5, damaged=True, whole=True)
    assert not sound(suspicion, 6)


def test_without_another_keyframe_doubt_ends_some_day():
    suspicion = Suspicion()
    suspicion.begin(1)
    answers = [sound(suspicion, packet) for packet in range(1, MAX_DOUBTED_FRAMES + 2)]
    assert answers.index(True) == MAX_DOUBTED_FRAMES - 1
