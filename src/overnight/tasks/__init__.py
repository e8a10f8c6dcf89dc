"""Tasks: functions that a worker can find by their names and call with JSON.

A task is a function and its options; it needs no application. Where its calls go is asked of the keeper, at
each submit.
"""

from overnight.tasks.calling import Task, default_keeper, offer_keeper, set_keeper
from overnight.tasks.declaring import task
from overnight.tasks.finding import call_again, find_task, tasks_of

__all__ = [
    "Task",
    "call_again",
    "default_keeper",
    "find_task",
    "offer_keeper",
    "set_keeper",
    "task",
    "tasks_of",
]
