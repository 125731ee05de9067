import os
from collections.abc import Callable
from pathlib import Path

import pytest

from litclassify.data import ImageFolder, ImageTable
from litclassify.errors import UserError

MakeFolder = Callable[[dict[str, int]], str]


def listed(tmp_path: Path, *lines: str) -> str:
    (tmp_path / "exclude.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(tmp_path / "exclude.txt")


def test_listed_images_are_left_out_of_every_split(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"train/a": 3, "train/b": 3, "test/a": 2, "test/b": 2})
    data = ImageFolder(root, exclude=listed(tmp_path, "train/a/0.png", "", "test/b/./1.png"), val_split=1)
    paths = {Path(path).relative_to(root).as_posix() for part in data.samples.values() for path in part.paths}
    assert len(paths) == 8
    assert paths.isdisjoint({"train/a/0.png", "test/b/1.png"})


@pytest.mark.parametrize("name", ["list.txt", "list.csv"])
def test_a_byte_order_mark_is_no_part_of_the_list(name: str, make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"a": 5, "b": 5})
    header = "path\n" if name.endswith(".csv") else ""
    (tmp_path / name).write_text(f"{header}a/0.png\nb/1.png\n", encoding="utf-8-sig")
    assert sum(len(part.paths) for part in ImageFolder(root, exclude=str(tmp_path / name)).samples.values()) == 8


@pytest.mark.parametrize("relative_root", [False, True])
@pytest.mark.parametrize("relative_path", [False, True])
def test_absolute_and_relative_paths_name_the_same_images(
    relative_root: bool, relative_path: bool, make_folder: MakeFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_folder({"a": 5, "b": 5})
    monkeypatch.chdir(tmp_path)
    exclude = listed(tmp_path, "a/0.png" if relative_path else os.path.join(root, "a/0.png"))
    data = ImageFolder(os.path.relpath(root) if relative_root else root, exclude=exclude)
    assert sum(len(part.paths) for part in data.samples.values()) == 9
    (tmp_path / "table.csv").write_text("path,label\n" + "".join(f"{c}/{i}.png,{c}\n" for c in "ab" for i in range(5)))
    table = ImageTable("table.csv", root=data.root, exclude=exclude)
    assert sum(len(part.paths) for part in table.samples.values()) == 9


def test_rows_of_a_table_are_left_out(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = Path(make_folder({"images": 6}))
    rows = "".join(f"images/{i}.png,{'ab'[i % 2]}\n" for i in range(6))
    (root / "table.csv").write_text(f"path,label\n{rows}")
    data = ImageTable(str(root / "table.csv"), exclude=listed(tmp_path, "images/4.png"), val_split=2, test_split=2)
    assert sum(len(part.paths) for part in data.samples.values()) == 5


@pytest.mark.parametrize("separator", [None, ";"])
@pytest.mark.parametrize(
    ("rows", "lines", "said"),
    [
        (["a/1.png,b,train,1"], ["a/1.png"], "with different labels"),
        (["a/1.png,a,test,1"], ["a/1.png"], "in different splits"),
        (["a/1.png,a,train,9"], ["a/1.png"], "in different groups"),
        (["b/9.png,b,test,1"], ["b/9.png"], "group '1' is there twice, in different splits"),
        (["b/9.png,c,test,9"], ["b/9.png"], "no image of train has the label 'c'"),
        (["b/9.png,c,test,9", "b/8.png,c,test,8"], ["b/9.png", "b/8.png"], "no image of train has the label 'c'"),
    ],
)
def test_what_is_wrong_with_excluded_rows_does_not_matter(
    rows: list[str], lines: list[str], said: str, separator: str | None, make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"a": 10, "b": 10})
    good = [f"{name}/{i}.png,{name},{'test' if i == 5 else 'train'},{i}" for name in "ab" for i in range(1, 6)]
    (tmp_path / "table.csv").write_text("\n".join(["path,label,split,group", *good, *rows]))
    arguments = {"root": root, "label_separator": separator, "val_split": 2}
    with pytest.raises(UserError, match=said):
        ImageTable(str(tmp_path / "table.csv"), **arguments).samples  # noqa: B018
    data = ImageTable(str(tmp_path / "table.csv"), exclude=listed(tmp_path, *lines), **arguments)
    paths = {os.path.relpath(path, root) for part in data.samples.values() for path in part.paths}
    assert paths == {row.partition(",")[0] for row in good} - set(lines)
    assert data.class_names == ["a", "b"]


@pytest.mark.parametrize("arguments", [{}, {"val_fold": (1, 3)}, {"val_split": 7}])
@pytest.mark.parametrize("kind", ["folder", "table", "groups", "multi-label"])
def test_other_images_stay_in_their_splits(
    kind: str, arguments: dict[str, object], make_folder: MakeFolder, tmp_path: Path
) -> None:
    root = make_folder({"a": 23, "b": 40})
    rows = "".join(f"{c}/{i}.png,{c},{c}{i // 2}\n" for c, count in (("a", 23), ("b", 40)) for i in range(count))
    (tmp_path / "table.csv").write_text(f"path,label,{'group' if kind == 'groups' else 'other'}\n{rows}")

    def parts(exclude: str | None) -> dict[str, list[str]]:
        if kind == "folder":
            samples = ImageFolder(root, exclude=exclude, **arguments).samples
        else:
            separator = ";" if kind == "multi-label" else None
            table = str(tmp_path / "table.csv")
            samples = ImageTable(table, root=root, label_separator=separator, exclude=exclude, **arguments).samples
        return {name: [os.path.relpath(path, root) for path in part.paths] for name, part in samples.items()}

    whole = parts(None)
    gone = [whole["train"][0], whole["train"][-1], whole["val"][1]]
    left = {name: [path for path in part if path not in gone] for name, part in whole.items()}
    assert parts(listed(tmp_path, *gone)) == left


def test_counts_are_of_what_is_left(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"a": 20, "b": 20})
    val = ImageFolder(root).samples["val"].paths
    data = ImageFolder(root, exclude=listed(tmp_path, val[0]))
    data.setup("fit")
    assert [data.num_images(name) for name in ("train", "val", "test")] == [32, 3, 4]
    assert data.drawn_splits == ["val", "test"]


def test_the_number_is_said(make_folder: MakeFolder, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = make_folder({"train/a": 5, "train/b": 5})
    with caplog.at_level("INFO", logger="lightning.pytorch.utilities.rank_zero"):
        ImageFolder(root, exclude=listed(tmp_path, "train/a/0.png")).samples  # noqa: B018
    assert "data.exclude leaves out 1 of 10 images." in caplog.text


def test_paths_that_are_no_files_are_reported(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"train/a": 5, "train/b": 5})
    data = ImageFolder(root, exclude=listed(tmp_path, "train/a/0.png", "train/a/none.png"))
    with pytest.warns(UserWarning, match=r"lists 1 of 2 paths where there is nothing, first '.*none\.png'"):
        data.samples  # noqa: B018


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["train/a/0.png", "train/a/1.png"], "leaves no training image of the class 'a'"),
        (["test/a/0.png", "test/b/0.png"], "leaves no image in test/"),
    ],
)
def test_nothing_is_left_out_whole(lines: list[str], said: str, make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1})
    with pytest.raises(UserError, match=said):
        ImageFolder(root, exclude=listed(tmp_path, *lines), val_split=1).samples  # noqa: B018


def test_a_missing_list_is_refused(make_folder: MakeFolder) -> None:
    with pytest.raises(UserError, match="data.exclude: 'none.txt' cannot be read"):
        ImageFolder(make_folder({"train/a": 2, "train/b": 2}), exclude="none.txt").samples  # noqa: B018


def test_a_table_lists_them_in_its_column_of_paths(make_folder: MakeFolder, tmp_path: Path) -> None:
    root = make_folder({"train/a": 5, "train/b": 5})
    (tmp_path / "list.csv").write_text('split,path,reason\ntrain,train/a/0.png,"a, b"\ntrain,"train/b/1.png",\n')
    data = ImageFolder(root, exclude=str(tmp_path / "list.csv"))
    paths = {Path(path).relative_to(root).as_posix() for part in data.samples.values() for path in part.paths}
    assert len(paths) == 8
    assert paths.isdisjoint({"train/a/0.png", "train/b/1.png"})


@pytest.mark.parametrize("content", ["", "file,reason\nx.png,bad\n"])
def test_a_table_without_paths_is_refused(content: str, make_folder: MakeFolder, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(UserError, match=r"data\.exclude: '.*list\.csv' is a table without a column 'path'"):
        ImageFolder(make_folder({"train/a": 2, "train/b": 2}), exclude=str(tmp_path / "list.csv")).samples  # noqa: B018
