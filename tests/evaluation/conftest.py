"""What tests of the evaluation share."""

import pytest
from conceptgym.evaluation.suites import Suite, load_suite


@pytest.fixture(scope="session")
def smoke() -> Suite:
    """The suite for tests."""
    return load_suite("smoke")
