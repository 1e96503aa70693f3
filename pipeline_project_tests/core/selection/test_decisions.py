from pipeline_project.core.selection.decisions import Review, kept_picks, ranks


def test_a_label_outweighs_a_wish():
    review = Review({"a": "accept", "b": "rescue", "c": "reject"}, {"b": {"cat": 1}})
    assert (review.wanted, review.rejected, review.labelled) == ({"a"}, {"c"}, {"b"})


def test_the_version_changes_with_every_decision_and_label_and_is_empty_without():
    reviews = [
        Review(),
        Review({"a": "accept"}),
        Review({"a": "reject"}),
        Review({}, {"a": {}}),
        Review({}, {"a": {"cat": 1}}),
        Review({}, {"a": {"cat": 2}}),
    ]
    assert len({review.version for review in reviews}) == len(reviews)
    assert Review().version == ""


def test_the_version_does_not_depend_on_the_order_of_decisions():
    one, other = Review({"a": "accept", "b": "reject"}), Review({"b": "reject", "a": "accept"})
    assert one.version == other.version


def test_undecided_and_accepted_picks_are_kept_in_their_order():
    review = Review({"b": "reject", "c": "accept"}, {"d": {}})
    assert kept_picks(["e", "d", "c", "b", "a"], review) == ["e", "c", "a"]


def test_new_picks_take_the_ranks_that_became_free_and_then_the_next():
    assert ranks({10: 1, 11: 3}, [20, 21, 22]) == {10: 1, 11: 3, 20: 2, 21: 4, 22: 5}
    assert ranks({}, [7, 5]) == {7: 1, 5: 2}
