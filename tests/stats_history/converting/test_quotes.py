"""Counters made of a table of quotes."""

from stats_history.converting.quotes import Quotes, quote_points


def test_quotes_add_up_from_a_zero_before_the_first() -> None:
    rows = [(1, 100, 30), (2, 100, 5), (1, 160, 65)]
    assert list(quote_points(rows, Quotes())) == [(99, 0, 0), (100, 2, 35), (160, 3, 100)]


def test_a_later_slice_goes_on_counting() -> None:
    quotes = Quotes()
    list(quote_points([(1, 100, 30)], quotes))
    assert list(quote_points([(1, 150, 7)], quotes)) == [(150, 2, 37)]


def test_a_rare_quote_has_a_sample_just_before_it() -> None:
    rows = [(1, 100, 30), (1, 5500, 7)]
    found = list(quote_points(rows, Quotes()))
    assert found == [(99, 0, 0), (100, 1, 30), (5499, 1, 30), (5500, 2, 37)]


def test_the_counters_are_repeated_from_the_first_quote_on() -> None:
    found = list(quote_points([(1, 100, 30)], Quotes(), [40, 100, 160, 220]))
    assert found == [(99, 0, 0), (100, 1, 30), (160, 1, 30), (220, 1, 30)]
