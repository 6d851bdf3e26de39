"""A share counts with the difficulty of its job."""

from stats_feed.tap.reader.jobs import FIRST_DIFFICULTY, KEEP_SECONDS, MAX_JOBS, Jobs


def test_a_job_keeps_the_difficulty_it_was_announced_with() -> None:
    jobs = Jobs()
    jobs.announce("a", 0.0, is_clean=True)
    jobs.difficulty = 512.0
    assert jobs.difficulty_of("a") == FIRST_DIFFICULTY
    jobs.announce("b", 1.0, is_clean=False)
    jobs.difficulty = 0.0714
    assert (jobs.difficulty_of("b"), jobs.difficulty_of("never seen")) == (512.0, 0.0714)
    jobs.announce("b", 2.0, is_clean=False)
    assert jobs.difficulty_of("b") == 0.0714


def test_the_jobs_before_a_clean_one_are_kept_for_two_minutes_and_not_for_ever() -> None:
    jobs = Jobs()
    for number in range(100):
        at = number * 10.0
        jobs.difficulty = float(number + 1)
        jobs.announce(number, at, is_clean=True)
        jobs.difficulty = 0.5
        for late in range(max(0, number - int(KEEP_SECONDS / 10) + 1), number + 1):
            assert jobs.difficulty_of(late) == late + 1
    assert jobs.difficulty_of(0) == 0.5


def test_a_pool_that_never_cleans_keeps_a_bounded_number_of_jobs() -> None:
    jobs = Jobs()
    for number in range(10 * MAX_JOBS):
        jobs.difficulty = float(number + 1)
        jobs.announce(number, 0.0, is_clean=False)
    newest, first_kept = 10 * MAX_JOBS - 1, 9 * MAX_JOBS
    assert jobs.difficulty_of(first_kept) == first_kept + 1
    assert jobs.difficulty_of(first_kept - 1) == newest + 1
