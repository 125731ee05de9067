import pytest

from litclassify.data.listing.class_folders import quote_names, scan_labelled, scan_training_classes
from litclassify.errors import UserError


def test_classes_are_sorted_and_hidden_files_passed_over(make_folder):
    root = make_folder({"dog/deep": 2, "cat": 1, ".git": 1, "cat/.thumbs": 1})
    classes = scan_training_classes(root)
    assert {name: [path[len(root) :] for path in files] for name, files in classes.items()} == {
        "cat": ["/cat/0.png"],
        "dog": ["/dog/deep/0.png", "/dog/deep/1.png"],
    }


def test_missing_root_is_named():
    with pytest.raises(UserError, match=r"data\.root: there is no folder 'nowhere'"):
        scan_training_classes("nowhere")


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"": 3}, r"no folders and 3 images without a class\. .* data\.root/cat/1\.jpg"),
        ({"": 1}, r"no folders and 1 image without"),
        ({"cats": 3}, r"one folder \('cats'\)\. Put one"),
    ],
)
def test_fewer_than_two_classes_are_refused(make_folder, counts, found):
    with pytest.raises(UserError, match=rf"num_classes must be at least 2, got \d: '.*' holds {found}"):
        scan_training_classes(make_folder(counts))


def test_class_without_images_is_named(make_folder, tmp_path):
    root = make_folder({"cat": 1, "dog": 1})
    (tmp_path / "root" / "fox").mkdir()
    (tmp_path / "root" / "fox" / "notes.txt").touch()
    with pytest.raises(UserError, match=r"no images in one folder \('fox'\)"):
        scan_training_classes(root)


def test_evaluation_folder_may_lack_classes(make_folder):
    paths, targets = scan_labelled(make_folder({"dog": 2}), ["cat", "dog"])
    assert len(paths) == 2
    assert targets == [1, 1]


def test_evaluation_folder_with_unknown_classes_is_refused(make_folder):
    with pytest.raises(UserError, match=r"one folder \('fox'\), but the training classes are 'cat', 'dog'"):
        scan_labelled(make_folder({"dog": 1, "fox": 1}), ["cat", "dog"])


def test_evaluation_folder_without_images_is_refused(make_folder, tmp_path):
    (tmp_path / "root" / "cat").mkdir(parents=True)
    with pytest.raises(UserError, match="no images in"):
        scan_labelled(make_folder({}), ["cat", "dog"])


def test_long_lists_of_names_are_cut():
    assert quote_names(["a", "b"]) == "'a', 'b'"
    assert quote_names(list("abcdefg")) == "'a', 'b', 'c', 'd', 'e', … (7 in all)"
