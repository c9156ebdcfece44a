"""The text of a file: everything of YAML that could surprise is refused, with its place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hindsight.config.reading import MAX_BYTES, read

NOT_SUPPORTED = "are not supported: write the value out, or move what monitors share to _defaults.yaml"


def told(tmp_path: Path, content: str | bytes) -> list[str]:
    """What is wrong with a text, without the file's name."""
    path = tmp_path / "monitor.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [str(problem).removeprefix(f"{path}:") for problem in read(path)[1]]


def value(tmp_path: Path, content: str) -> object:
    path = tmp_path / "monitor.yaml"
    path.write_text(content)
    node, problems = read(path)
    assert node is not None
    assert problems == []
    return node.plain()


@pytest.mark.parametrize(
    "content, expected",
    [
        (
            "a: [1, 2\nb: 3",
            "2:2: this is not valid YAML: while parsing a flow sequence, expected ',' or ']', but got ':'",
        ),
        ("a:\n\t-", "2:1: this is not valid YAML: a tab stands where only spaces may: indent with spaces"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document begins here ('---'): one file holds one monitor"),
        ("a: 1\nb: 2\na: 3", "3:1: the key 'a' is given twice, first on line 1: remove one"),
        ("a: {b: 1, b: 2}", "1:11: the key 'b' is given twice, first on line 1: remove one"),
        ("!!python/name:os a: 1", "1:1: a key must be a plain word"),
        ("? [a]\n: 1", "1:3: a key must be a plain word"),
        (
            "a: &shared [1]\nb: 2",
            f"1:4: anchors and aliases ('&shared') {NOT_SUPPORTED}",
        ),
        (
            "a:\n  <<: {b: 1}",
            "2:3: merge keys (<<) are not supported: move what monitors share to _defaults.yaml",
        ),
        ("a: *b", "1:4: this is not valid YAML: found undefined alias 'b'"),
        (
            "a: !!python/name:os.system x",
            "1:4: the tag 'tag:yaml.org,2002:python/name:os.system' is not supported: write a plain value",
        ),
        ("a: !secret b", "1:4: the tag '!secret' is not supported: write a plain value"),
        ("a: !!set {b, c}", "1:4: the tag 'tag:yaml.org,2002:set' is not supported: write a plain value"),
        ("a: !!int b", "1:4: 'b' is not a number"),
        (
            "%YAML 1.1\n---\na: yes",
            "1:1: a line may not begin with '%': directives such as %YAML are not supported",
        ),
        ("a: .inf", "1:4: '.inf' is not a finite number"),
        ("a: .NaN", "1:4: '.NaN' is not a finite number"),
        ("a: 1e999", "1:4: '1e999' is not a finite number"),
        ("a: " + "9" * 10_000, "1:4: this number is too large"),
        ('a: "\\ud800"', "1:4: this text holds half a character (a surrogate): write the whole one"),
        ("a: b\x00", "1:5: the character U+0000 may not stand in a YAML file: remove it"),
        ("a: \x1b[31m", "1:4: the character U+001B may not stand in a YAML file: remove it"),
        ("\ufeffa: b", "1:1: the file begins with a byte order mark: save it as UTF-8 without BOM"),
        (b"a: b\nc: caf\xe9", "2:7: the file is not UTF-8 text (byte 0xe9 is not valid): save it as UTF-8"),
        (
            "a: b".encode("utf-16"),
            "1:1: the file is not UTF-8 text (byte 0xff is not valid): save it as UTF-8",
        ),
        ("[" * 51, "1:51: the document is nested deeper than 50 levels"),
        (
            b"#" * (MAX_BYTES + 1),
            "1:1: the file has more than 1,000,000 bytes; a monitor takes a few thousand",
        ),
    ],
)
def test_text_that_could_surprise_is_refused_with_its_place(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    assert told(tmp_path, content) == [expected]


def test_all_that_is_wrong_with_a_text_is_told_at_once(tmp_path: Path) -> None:
    assert told(tmp_path, "a: 1\na: 2\nb: !x 1\nc: &d 3\ne: .inf\n") == [
        "2:1: the key 'a' is given twice, first on line 1: remove one",
        "3:4: the tag '!x' is not supported: write a plain value",
        f"4:4: anchors and aliases ('&d') {NOT_SUPPORTED}",
        "5:4: '.inf' is not a finite number",
    ]


def test_a_file_that_is_not_there_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    [problem] = read(tmp_path / "absent.yaml")[1]
    assert str(problem) == f"{tmp_path / 'absent.yaml'}: the file cannot be read: No such file or directory"


def test_a_billion_laughs_are_not_expanded(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    start = time.monotonic()
    problems = told(tmp_path, "\n".join(lines))
    assert all("anchors and aliases" in problem for problem in problems)
    assert len(problems) == 30
    assert time.monotonic() - start < 5


def test_a_value_that_holds_itself_is_refused(tmp_path: Path) -> None:
    [problem] = told(tmp_path, "a: &a [*a]")
    assert "anchors and aliases ('&a')" in problem


def test_words_are_words_as_in_yaml_1_2(tmp_path: Path) -> None:
    text = "{on: yes, off: NO, time: 06:00, day: 2013-03-01, none: ~, true: True, n: 0o17, x: 0x1F, f: 1_0.5}"
    assert value(tmp_path, text) == {
        "on": "yes",
        "off": "NO",
        "time": "06:00",
        "day": "2013-03-01",
        "none": None,
        "true": True,
        "n": 15,
        "x": 31,
        "f": 10.5,
    }


@pytest.mark.parametrize(
    "secret",
    [
        "postgresql://user:hunter2hunter2@db.example.com/prod",
        "xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcHrzqqgy",
        "https://hooks.slack.com/services/T0/B0/hunter2hunter2",
        "xapp-1-hunter2hunter2",
        "-----BEGIN PRIVATE KEY----- hunter2hunter2",
    ],
)
@pytest.mark.parametrize(
    "shape",
    [
        'a: "{}"',
        '"{}": a',
        '- ["{}"]',
        'a: &{} "{}"',
        'a: !{} "{}"',
        'a: "{}\n\nb: [',
        "*{}",
        "a: |\n  x {}\n  y",
        '"{}": 1\n"{}": 2',
    ],
)
def test_a_secret_is_refused_and_never_repeated(tmp_path: Path, secret: str, shape: str) -> None:
    problems = told(tmp_path, shape.replace("{}", secret))
    assert problems
    assert "hunter2" not in str(problems)
    assert "pdFZ" not in str(problems)


def test_a_secret_is_told_with_its_cure(tmp_path: Path) -> None:
    assert told(tmp_path, "slack:\n  token: xoxb-1-2") == [
        "2:10: this looks like a secret or a webhook address: keep it in a connection and give its id"
    ]


yaml_pieces = st.text(alphabet="ab:-?[]{},&*!|>'\"%@`#~ \n\t\\0.xuU<=", max_size=60)


@settings(max_examples=300, deadline=None)
@given(st.one_of(yaml_pieces, st.text(max_size=60)).map(str.encode) | st.binary(max_size=60))
@example(b'"\\UFFFFFFFF"')
@example(b'"\\xzz"')
@example(b"%TAG ! tag:\xc3\xa9")
def test_any_bytes_give_a_document_or_problems_and_no_exception(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(content)
    _, problems = read(path)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert "\n" not in problem.message
