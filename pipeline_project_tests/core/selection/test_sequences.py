import numpy as np
import pytest

from pipeline_project.core.selection.sequences import joined_column, mean_vectors, sequences_of


def cut(groups, length, unusable=()):
    usable = np.ones(len(groups), bool)
    usable[list(unusable)] = False
    return sequences_of(list(groups), usable, length).tolist()


def test_each_group_is_cut_into_runs_and_what_is_left_over_is_in_none():
    assert cut("aaaaabbb", 2) == [[0, 1], [2, 3], [5, 6]]


def test_a_frame_that_may_not_be_used_ends_a_run():
    assert cut("aaaaaaa", 3, unusable=[2]) == [[3, 4, 5]]


def test_a_group_that_comes_again_is_no_neighbour():
    assert cut("abab", 2) == []


@pytest.mark.parametrize("groups", ["", "a"])
def test_too_few_frames_make_no_sequence(groups):
    assert cut(groups, 2) == []


def test_a_sequence_has_the_mean_of_its_vectors_at_unit_length():
    vectors = np.eye(4, dtype=np.float32)
    found = mean_vectors(vectors, np.array([[0, 1], [2, 3]]))
    assert found == pytest.approx(np.array([[1, 1, 0, 0], [0, 0, 1, 1]]) / np.sqrt(2))


def test_numbers_are_averaged_where_they_are_known():
    rows = np.array([[0, 1], [2, 3], [4, 5]])
    found = joined_column(np.array([1, 3, 5, np.nan, np.nan, np.nan]), rows)
    assert found[:2].tolist() == [2, 5] and np.isnan(found[2])


def test_of_words_the_most_frequent_stands():
    words = np.array(["sun", "rain", "rain", None, None, None], object)
    assert joined_column(words, np.array([[0, 1, 2], [3, 4, 5]])).tolist() == ["rain", None]
