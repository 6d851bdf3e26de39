"""Counters made of a table of quotes."""

from stats_history.converting.quotes import Quotes, quote_points


def test_quotes_add_up_from_a_zero_before_the_first() -> None:
    rows = [(1, 100, 30), (2, 100, 5), (1, 160, 65)]
    assert list(quote_points(rows, Quotes())) == [(99, 0, 0), (100, 2, 35), (160, 3, 100)]


def test_a_later_slice_goes_on_counting() -> None:
    quotes = Quotes()
    list(quote_points([(1, 100, 30)], quotes))
    assert list(quote_points([(1, 200, 7)], quotes)) == [(200, 2, 37)]
