import pytest
from hypothesis import given
from hypothesis import strategies as st

from stats_gateway.rows.text import clean, cut, is_clean

any_text = st.text(st.characters(codec=None), max_size=40)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ('plain "quotes" and \\ stay', 'plain "quotes" and \\ stay'),
        ("Müller 矿机 🚀", "Müller 矿机 🚀"),
        ("a\nb\rc\0d\x7fe\x85f", "a�b�c�d�e�f"),
        ("lone \ud800 surrogate", "lone � surrogate"),
        ("", ""),
    ],
)
def test_only_what_cannot_be_shown_is_replaced(text: str, cleaned: str) -> None:
    assert clean(text, 128) == cleaned


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [("abcd", 3, "abc"), ("aäa", 2, "a"), ("aäa", 3, "aä"), ("矿", 2, ""), ("🚀🚀", 7, "🚀")],
)
def test_text_is_cut_at_a_character_boundary(text: str, limit: int, expected: str) -> None:
    assert cut(text, limit) == expected


@given(any_text, st.integers(0, 64))
def test_clean_text_is_short_and_encodes_and_stays_clean(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned.encode()) <= limit
    assert "\n" not in cleaned
    assert clean(cleaned, limit) == cleaned


@given(st.lists(any_text, max_size=4), st.integers(0, 16))
def test_texts_said_to_be_clean_are(texts: list[str], limit: int) -> None:
    if is_clean(texts, limit):
        assert [clean(text, limit) for text in texts] == texts
