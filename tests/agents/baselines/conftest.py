"""What several tests of baselines begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from conceptgym.agents.lesson import Lesson
from conceptgym.evaluation.bodies import make_body


@pytest.fixture
def shown_lesson() -> Callable[[str], Lesson]:
    """Makes a lesson of a concept on particles, with five demonstrations."""

    def lesson(concept: str) -> Lesson:
        def make(**arguments: Any) -> Any:  # noqa: ANN401  (a ConceptEnv)
            return make_body("particle", concept, None, **arguments)

        return Lesson(make, make().demonstrations(5, 0), 0)

    return lesson
