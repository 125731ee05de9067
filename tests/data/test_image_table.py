import os
from pathlib import Path

import numpy as np
import pytest
import torch

from litclassify.data import ImageFolder, ImageTable
from litclassify.errors import UserError

PATHS = [f"{label}/{i}.png" for label in ("cat", "dog") for i in range(20)]
ROWS = [f"{path},{path[:3]}" for path in PATHS]


@pytest.fixture
def write(make_folder, tmp_path):
    """Write a table beside images of cats and dogs; gives its name."""
    make_folder({"cat": 20, "dog": 20})

    def write(header: str, rows: list[str], encoding: str = "utf-8", end: str = "\n") -> str:
        file = tmp_path / "root" / "images.csv"
        file.write_bytes((end.join([header, *rows]) + end).encode(encoding))
        return str(file)

    return write


def labels(data: ImageTable) -> dict[str, str]:
    """Label of each file, over all splits."""
    datasets = [data._dataset(split) for split in ("train", "val", "test")]
    return {
        os.path.relpath(path, data.folder): data.class_names[target]
        for dataset in datasets
        for path, target in zip(dataset.paths, dataset.targets, strict=True)
    }


@pytest.mark.parametrize(
    ("header", "rows", "encoding", "end"),
    [
        ("path,label", ROWS, "utf-8", "\n"),
        ("path,label", ROWS, "utf-8-sig", "\r\n"),
        ("label;path", [f"{path[:3]};{path}" for path in PATHS], "utf-8-sig", "\n"),
        ("path\tlabel\tnote", [f"{path}\t{path[:3]}\tä, b" for path in PATHS], "utf-8", "\r\n"),
        ('"path","note","label"', [f'"{path}","one, ""two""\nthree","{path[:3]}"' for path in PATHS], "utf-8", "\n"),
        (" path , label ", [f"./{path.replace('/', '//')} , {path[:3]} \n" for path in PATHS], "utf-8", "\n"),
    ],
    ids=["plain", "BOM", "semicolons", "tabs", "quotes", "spaces and blank lines"],
)
def test_tables_of_many_makes_are_read(write, header, rows, encoding, end):
    assert labels(ImageTable(write(header, rows, encoding, end))) == {path: path[:3] for path in PATHS}


def test_a_separator_after_root_changes_neither_paths_nor_what_is_known_of_a_draw(write):
    file = write("path,label", ROWS)
    data, same, without = (
        ImageTable(file, root=root) for root in (os.path.dirname(file), f"{os.path.dirname(file)}/", None)
    )
    assert same.folder == data.folder == without.folder
    assert same._all_paths == data._all_paths == without._all_paths
    assert same.state_dict() == data.state_dict() == without.state_dict()


def test_parquet_is_read_as_csv_is(write):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    file = write("path,label,image", [f"{row},x" for row in ROWS])
    other = file.removesuffix("csv") + "parquet"
    table = pyarrow.table({"image": [b"x"] * 40, "label": [path[:3] for path in PATHS], "path": PATHS})
    parquet.write_table(table, other)
    assert labels(ImageTable(other)) == labels(ImageTable(file))
    parquet.write_table(table.append_column("lists", [[["a"]] * 40]), other)
    with pytest.raises(UserError, match=r"'lists' of '.*' holds a list: only text and numbers are read"):
        ImageTable(other, label_column="lists")._read_labels()


def write_parquet(folder: str, columns: dict[str, list[object]], names: list[str] | None = None) -> str:
    """Write a table beside images, whose columns may have other names, one of them twice; gives the file."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(list(columns.values()), names=names or list(columns))
    parquet.write_table(table, f"{folder}/images.parquet")
    return f"{folder}/images.parquet"


def test_a_column_that_is_there_twice_is_refused_in_parquet_too(write):
    folder = os.path.dirname(write("path,label", ROWS))
    columns = {"path": PATHS, "label": [path[:3] for path in PATHS], "a": PATHS, "b": PATHS}
    with pytest.raises(UserError, match=r"data\.label_column: '.*parquet' has 2 columns 'label'"):
        ImageTable(write_parquet(folder, columns, ["path", "label", "label", "b"])).class_names  # noqa: B018
    assert len(labels(ImageTable(write_parquet(folder, columns, ["path", "label", "b", "b"])))) == 40


def test_a_number_that_is_none_is_an_empty_cell(write):
    folder = os.path.dirname(write("path,label", ROWS))
    file = write_parquet(folder, {"path": PATHS, "label": [1.0, 2.0, float("nan"), 3.0] * 10})
    with pytest.raises(UserError, match=r"'.*parquet', row 3: 'label' is empty"):
        ImageTable(file).class_names  # noqa: B018
    assert ImageTable(file, label_separator=";").class_names == ["1.0", "2.0", "3.0"]


def test_files_that_are_missing_are_said_to_be_relative_to_a_folder(write, monkeypatch):
    file = write("path,label", [row.replace("cat/1", "cat/x") for row in ROWS])
    monkeypatch.chdir(os.path.dirname(file))
    with pytest.raises(UserError, match=r"relative to data\.root, which is '\.'\.$"):
        ImageTable("images.csv").samples  # noqa: B018


def test_parquet_without_pyarrow_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    (tmp_path / "x.parquet").touch()
    with pytest.raises(UserError, match=r"needs pyarrow: pip install 'litclassify\[tables\]'"):
        ImageTable(str(tmp_path / "x.parquet"))._read_labels()


def test_splits_are_those_of_a_folder_with_the_same_images(write):
    file = write("path,label", sorted(ROWS))
    table, folder = ImageTable(file), ImageFolder(os.path.dirname(file))
    for split in ("train", "val", "test"):
        ours, theirs = table._dataset(split), folder._dataset(split)
        assert [os.path.basename(path) for path in ours.paths] == [os.path.basename(path) for path in theirs.paths]
        assert torch.equal(ours.targets, theirs.targets)


@pytest.mark.parametrize(
    ("names", "kwargs", "sizes"),
    [
        (["train", "val", "test", "train"], {}, [20, 10, 10]),
        (["Training", "valid", "TESTING", "training"], {}, [20, 10, 10]),
        (["train", "dev", "dev", "train"], {"test_split": 5}, [15, 20, 5]),
        (["train", "test", "test", "train"], {"val_split": 0.25}, [15, 5, 20]),
    ],
)
def test_split_column_is_followed_and_what_is_missing_drawn(write, names, kwargs, sizes):
    data = ImageTable(write("path,label,split", [f"{row},{names[i % 4]}" for i, row in enumerate(ROWS)]), **kwargs)
    assert [len(data._dataset(split)) for split in ("train", "val", "test")] == sizes


@pytest.mark.parametrize("multi", [False, True])
def test_groups_are_not_divided(write, multi):
    rows = [f"{row}{';x' if i % 3 == 0 else ''},{i // 3}" for i, row in enumerate(ROWS)]
    rows = rows if multi else [row.replace(";x", "") for row in rows]
    data = ImageTable(write("path,label,patient", rows), group_column="patient", label_separator=";" if multi else None)
    parts = [
        {PATHS.index(os.path.relpath(path, data.folder)) // 3 for path in samples.paths}
        for samples in data.samples.values()
    ]
    assert len(parts) == 3
    assert sum(map(len, parts)) == len(set.union(*parts))


@pytest.mark.parametrize("parquet", [False, True])
def test_images_that_are_groups_of_their_own_pass_over_a_column_with_gaps(write, parquet):
    file = write("path,label,group", [f"{row}," for row in ROWS])
    if parquet:
        columns = {"path": PATHS, "label": [path[:3] for path in PATHS], "group": [None] * 40}
        file = write_parquet(os.path.dirname(file), columns)
    data = ImageTable(file, group_column="path")
    assert labels(data) == {path: path[:3] for path in PATHS}
    assert [len(part.paths) for part in data.samples.values()] == [4, 4, 32]


def test_rows_of_one_image_are_not_divided(write):
    data = ImageTable(write("path,label", [*ROWS, *ROWS, *ROWS]), val_split=0.4, test_split=0.4)
    parts = [set(samples.paths) for samples in data.samples.values()]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 40


def test_labels_are_multi_hot(write):
    rows = [f"{path},{cell}" for path, cell in zip(PATHS, ["b; a", "", "c", "a;a", "c;b"] * 8, strict=True)]
    data = ImageTable(write("path,label", rows), label_separator=";")
    assert data.class_names == ["a", "b", "c"]
    assert data.multi_label
    expected = {"b; a": [1, 1, 0], "": [0, 0, 0], "c": [0, 0, 1], "a;a": [1, 0, 0], "c;b": [0, 1, 1]}
    for samples in data.samples.values():
        assert samples.targets.dtype == torch.bool
        for path, hot in zip(samples.paths, samples.targets.int().tolist(), strict=True):
            cell = rows[PATHS.index(os.path.relpath(path, data.folder))].split(",")[1]
            assert hot == expected[cell]


def test_a_row_that_is_there_twice_changes_no_size_of_small_classes(make_folder, tmp_path):
    make_folder({f"c{i:02}": 4 for i in range(60)})
    rows = [f"c{i:02}/{j}.png,c{i:02}" for i in range(60) for j in range(4)]
    file = tmp_path / "root" / "images.csv"
    file.write_text("\n".join(["path,label", *rows, rows[0]]))
    sizes = {name: len(part.paths) for name, part in ImageTable(str(file)).samples.items()}
    assert sizes == {"test": 24, "val": 24, "train": 193}


def grouped(rows: list[str]) -> list[str]:
    """Rows with a last cell that four of them have in common."""
    return [f"{row},{i // 4}" for i, row in enumerate(rows)]


def replaced(number: int, row: str) -> list[str]:
    """All rows, with another in line `number` of the file."""
    return [*ROWS[: number - 2], row, *ROWS[number - 1 :]]


SPLIT = [f"{row},{'val' if i % 4 == 3 else 'train'}" for i, row in enumerate(ROWS)]


@pytest.mark.parametrize(
    ("header", "rows", "kwargs", "message"),
    [
        ("path,labels", ROWS, {}, r"data\.label_column: there is no column 'label' in '.*csv'. Did you mean 'labels'"),
        ("path,label", ROWS, {"path_column": "file"}, r"data\.path_column: .* 'file' .* Its columns are path, label"),
        ("path,label", ROWS, {"split_column": "fold"}, r"data\.split_column: there is no column 'fold'"),
        ("path,label", ROWS, {"group_column": "patient"}, r"data\.group_column: there is no column 'patient'"),
        ("path,label", ROWS, {"label_separator": ""}, r"data\.label_separator is empty"),
        ("path,label,label", [f"{row},x" for row in ROWS], {}, r"label_column: '.*csv' has 2 columns 'label'"),
        ("path,group,label,group", [f"{row[:-3]}a,{row}" for row in ROWS], {}, r"group_column: '.*' has 2 columns"),
        ("path,label", [], {}, r"data\.table='.*csv' has no rows"),
        ("path,label", replaced(7, "cat/5.png,"), {}, r"'.*csv', row 7: 'label' is empty"),
        ("path,label", ["", *replaced(7, ",cat")], {}, r"'.*csv', row 8: 'path' is empty"),
        ("path,label", replaced(7, '"  ",cat'), {}, r"'.*csv', row 7: 'path' is empty"),
        (
            "path,label,group",
            ["cat/0.png,cat,", *grouped(ROWS[1:])],
            {},
            r"row 2: 'group' is empty\. .* fill it, or set data\.group_column to 'path'",
        ),
        ("path,label,split", [*SPLIT[:-1], "dog/19.png,dog,"], {}, r"row 41: 'split' is empty\. .* fill it, or rename"),
        ("path,label,group", [*grouped(ROWS[1:]), "cat/0.png,cat,"], {"group_column": "group"}, r"'group' is empty\.$"),
        ("path,label", replaced(7, "cat/5.png,cat,"), {}, r"'.*csv', row 7 has 3 cells, but the header 2"),
        ("path,label", replaced(7, 'cat/5.png,"ca"t'), {}, r"'.*csv', row 7: ',' expected after '\"'"),
        (
            "path,label",
            [row.replace("cat/1", "cat/x") for row in ROWS],
            {},
            r"'.*csv', row 3: 11 of 40 files do not exist: '.*cat/x.png', '.*cat/x0.png', '.*x1.png', … \(11 in all\)"
            r"\. Paths are relative to data\.root",
        ),
        ("path,label", [*ROWS, "./cat/5.png,dog"], {}, r"rows 7 and 42: path '.*cat/5.png' .* with different labels"),
        ("path,label,split", [*SPLIT, "cat/5.png,cat,val"], {}, r"rows 7 and 42: path .* in different splits"),
        ("path,label,split", [*SPLIT[:-1], "dog/19.png,dog,tset"], {}, r"row 41: 'split' is 'tset', .* mean 'test'"),
        ("path,label,split", [*SPLIT[:-1], "dog/19.png,dgo,val"], {}, r"row 41: .* label 'dgo'. Did you mean 'dog'"),
        ("path,label,split", [f"{row},val" for row in ROWS], {}, r"has no rows of train: 'split' names none"),
        ("path,label,split,group", grouped(SPLIT), {}, r"rows 2 and 5: group '0' .* in different splits"),
        ("path,label,group", [*grouped(ROWS), f"{ROWS[0]},7"], {}, r"rows 2 and 42: path .* in different groups"),
        ("path,label", ROWS[:20], {}, r"num_classes must be at least 2, got 1: 'label' of '.*csv' holds 'cat'"),
    ],
)  # fmt: skip
def test_mistakes_name_file_and_row(write, header, rows, kwargs, message):
    with pytest.raises(UserError, match=message):
        ImageTable(write(header, rows), **kwargs).samples  # noqa: B018


def test_other_encodings_name_the_row(write):
    with pytest.raises(UserError, match=r"'.*csv', row 7 is not text in UTF-8\. Save the table as UTF-8"):
        ImageTable(write("path,label", replaced(7, "cat/5.png,Käfer"), "latin-1")).class_names  # noqa: B018


def test_a_missing_table_is_named():
    with pytest.raises(UserError, match=r"data\.table: there is no file 'nowhere\.csv'"):
        ImageTable("nowhere.csv").class_names  # noqa: B018


def test_no_test_rows_are_said(write):
    with pytest.raises(UserError, match=r"no test set: data\.table='.*' has rows of train but no rows of test"):
        ImageTable(write("path,label,split", SPLIT)).setup("test")


def test_split_that_the_table_overrules_warns(write):
    data = ImageTable(write("path,label,split", SPLIT), val_split=0.5)
    with pytest.warns(UserWarning, match=r"data\.val_split=0\.5 has no effect: data\.table='.*' has rows of val"):
        data.samples  # noqa: B018


@pytest.mark.parametrize("cache", ["ram", "disk", None])
def test_caches_serve_tables(write, cache):
    data = ImageTable(write("path,label", ROWS), image_size=16, cache=cache, num_workers=0)
    images, _ = next(iter(data.val_dataloader()))
    plain = ImageTable(write("path,label", ROWS), image_size=16, cache=None, num_workers=0)
    assert torch.equal(images, next(iter(plain.val_dataloader()))[0])
    assert Path(data.folder, ".litclassify_cache").is_dir() == (cache == "disk")


def test_prediction_on_files_needs_no_table(make_image):
    data = ImageTable("nowhere.csv", path=make_image("photo.jpg", size=(300, 200)), num_workers=0)
    data.setup("predict")
    assert next(iter(data.predict_dataloader()))[1].tolist() == [-1]


def test_order_of_rows_is_that_of_the_table(write):
    order = np.random.default_rng(0).permutation(40)
    data = ImageTable(write("path,label,split", [f"{ROWS[i]},train" for i in order]), val_split=1, test_split=None)
    paths = [os.path.relpath(path, data.folder) for path in data._dataset("train").paths]
    positions = [PATHS.index(path) for path in paths]
    assert positions == [i for i in order if i in positions]


@pytest.mark.parametrize(
    ("separator", "cells"),
    [
        (";", ["cat;pet", "dog;pet", "cat", "dog"]),
        ("|", ["cat|pet|indoors", "dog | pet"]),
        (",", ["cat,pet", "dog,pet"]),
    ],
)
def test_labels_that_seem_to_be_several_are_warned_of(write, separator, cells):
    rows = [f'{path},"{cell}"' for path, cell in zip(PATHS, cells * 20, strict=False)]
    names = sorted(name for name in cells if separator in name)
    with pytest.warns(UserWarning, match=r"^data\.table") as warned:
        assert ImageTable(write("path,label", rows)).num_classes == len(cells)
    assert [str(each.message) for each in warned] == [
        f"data.table: {len(names)} of {len(cells)} classes hold '{separator}', such as '{names[0]}'. If an image may "
        f"have several labels, add --data.label_separator '{separator}' --model MultiLabelClassifier."
    ]


@pytest.mark.parametrize(
    "cells", [["tench, Tinca tinca", "jay, bird"], ["a;b", "c;d"], ["cat, wild", "dog, wild", *"bcdefghi"]]
)
def test_names_that_hold_a_separator_are_no_several_labels(write, cells):
    rows = [f'{path},"{cell}"' for path, cell in zip(PATHS, cells * 20, strict=False)]
    assert ImageTable(write("path,label", rows)).num_classes == len(cells)


def test_several_labels_that_are_told_apart_are_not_warned_of(write):
    rows = [f"{path},{cell}" for path, cell in zip(PATHS, ["cat;pet", "dog;pet"] * 20, strict=True)]
    assert ImageTable(write("path,label", rows), label_separator=";").class_names == ["cat", "dog", "pet"]
