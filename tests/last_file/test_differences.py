"""Where two outputs differ is told by JSON pointers, whatever the keys are."""

from altlas_runner.last_file.comparison.differences import differences


def test_keys_with_slashes_and_very_long_keys_have_paths_of_their_own() -> None:
    long = "k" * 5_000
    before = {"a/b~": 1, long: {"x": 1, "y": [1]}}
    after = {"a/b~": 2, long: {"x": 2, "y": []}}
    assert {each.path for each in differences(before, after)} == {"/a~1b~0", f"/{long}/x", f"/{long}/y/0"}
