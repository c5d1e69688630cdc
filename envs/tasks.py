"""Tasks as they are handed to environments: as such, or by name."""

from __future__ import annotations

from ..concepts.concept import Concept
from ..concepts.task import Task
from ..concepts.task import task as make


def find_task(task: object) -> Task:
    """A task as it is, by the name of its action, or by the pair (action, argument).

    Raises:
        TypeError: It is none of these.
        ValueError: An unknown name, or the two make no task.
    """
    if isinstance(task, Task):
        return task
    if isinstance(task, (str, Concept)):
        return make(task)
    if isinstance(task, (tuple, list)) and len(task) == 2:
        return make(*task)
    raise TypeError(f"task is {task!r}, expected a name, a pair (action, argument), a Concept or a Task")
