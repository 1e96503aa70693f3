from pipeline_project.core.frame_names import export_name, number_of, token_in, token_of

FRAME = f"{'ab' * 32}:1024"


def test_a_name_leaves_out_the_rank_and_leads_back_to_the_frame():
    name = export_name(FRAME, "0003_coffee_table_00h00m12.000s.jpg")
    assert name == f"coffee_table_00h00m12.000s_{token_of(FRAME)}.jpg"
    assert name == export_name(FRAME, "0117_coffee_table_00h00m12.000s.jpg")
    assert token_in(name) == token_of(FRAME)


def test_other_frames_have_other_names():
    names = {export_name(f"{'ab' * 32}:{pts}", "0001_a.jpg") for pts in range(1000)}
    assert len(names) == 1000


def test_a_name_of_somebody_else_has_no_token():
    assert token_in("0003_coffee_table_00h00m12.000s.jpg") is None
    assert token_in("DSC_0001.jpg") is None


def test_a_number_is_exact_in_javascript():
    assert 0 <= number_of(FRAME) < 2**53
    assert number_of(FRAME) == int(token_of(FRAME), 16)
