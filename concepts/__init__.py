"""What a concept is: events, the catalogue of ground truths, tasks, and samplers of all of them."""

from .catalogue import CATALOGUE, get, names
from .concept import FAMILIES, Concept, Mode
from .event import COLORS, FRAME_SECONDS, MAX_ENTITIES, Event, check_event
from .task import Task, pairs, task

__all__ = [
    "CATALOGUE",
    "COLORS",
    "FAMILIES",
    "FRAME_SECONDS",
    "MAX_ENTITIES",
    "Concept",
    "Event",
    "Mode",
    "Task",
    "check_event",
    "get",
    "names",
    "pairs",
    "task",
]
