"""More cases begin with the usual ones."""


def test_longer_runs_repeat_the_usual_cases_first(cases, request):
    times = request.config.getoption("faults")
    assert cases(3) == range(3 * times)
