"""Documents with places: what inheritance does to values and to the places they are pointed at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hindsight.config.tree import Node, Place, merge

documents = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=4),
    max_leaves=12,
)


def node(value: object, file: str = "x") -> Node:
    place = Place(file, 1, 1)
    if isinstance(value, dict):
        return Node({name: node(item, file) for name, item in value.items()}, place, place)
    if isinstance(value, list):
        return Node([node(item, file) for item in value], place, place)
    return Node(value, place, place)


@given(documents)
def test_a_document_laid_on_itself_or_on_nothing_is_itself(document: object) -> None:
    tree = node(document)
    assert tree.plain() == document
    assert merge(tree, tree).plain() == document
    if isinstance(document, dict):
        assert merge(node({}), tree).plain() == document
        assert merge(tree, node({})).plain() == document


@given(documents, documents)
def test_what_inherits_wins_and_inheriting_again_changes_nothing(a: object, b: object) -> None:
    merged = merge(node(a), node(b))
    assert merge(merged, node(b)).plain() == merged.plain()
    assert merge(node(b), node(b)).plain() == b
    assert merge(node(a), node({})).plain() == (a if isinstance(a, dict) else {})
    if isinstance(a, dict) and isinstance(b, dict):
        assert merged.plain() == {
            key: merge(node(a[key]), node(b[key])).plain() if key in a and key in b else (b | a)[key]
            for key in a | b
        }
    else:
        assert merged.plain() == b


def test_mappings_merge_and_lists_are_replaced() -> None:
    base = node({"a": {"b": 1, "c": [1, 2]}, "d": 1}, "defaults")
    over = node({"a": {"c": [3]}, "e": 2}, "own")
    merged = merge(base, over)
    assert merged.plain() == {"a": {"b": 1, "c": [3]}, "d": 1, "e": 2}
    assert merged.find(("a", "b")).file == "defaults"
    assert merged.find(("a", "c", 0)).file == "own"
    assert merged.find(("a", "missing")).file == "own"
