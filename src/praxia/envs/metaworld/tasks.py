"""The fifty tasks and what the robot is told in each. The package ships no language: these sentences are ours."""

from praxia.core.errors import UnknownName

__all__ = ["INSTRUCTIONS", "TASKS", "instruction", "task_name", "task_of"]

# No two tasks share a sentence: with "close the drawer" for two of them a policy could not know what is wanted.
INSTRUCTIONS = {
    "assembly": "pick up the wrench by its handle and put its ring over the peg",
    "basketball": "pick up the basketball and drop it through the hoop",
    "bin-picking": "move the block from the bin on the right into the bin on the left",
    "box-close": "pick up the lid and put it on the box",
    "button-press": "push in the button on the front of the box",
    "button-press-topdown": "press the button on top of the box down",
    "button-press-topdown-wall": "reach over the wall and press the button on top of the box down",
    "button-press-wall": "go around the wall and push in the button on the front of the box",
    "coffee-button": "press the button of the coffee machine",
    "coffee-pull": "pull the mug away from the coffee machine to the target",
    "coffee-push": "push the mug under the coffee machine",
    "dial-turn": "turn the dial half way around",
    "disassemble": "lift the wrench off the peg",
    "door-close": "close the door",
    "door-lock": "lock the door by turning the lock down",
    "door-open": "open the door by pulling its handle",
    "door-unlock": "unlock the door by turning the lock sideways",
    "drawer-close": "push the drawer shut",
    "drawer-open": "pull the drawer open by its handle",
    "faucet-close": "turn the faucet handle to the right to close it",
    "faucet-open": "turn the faucet handle to the left to open it",
    "hammer": "pick up the hammer and drive the nail into the box",
    "hand-insert": "put the block into the hole in the table",
    "handle-press": "press the handle down from the front",
    "handle-press-side": "press the handle down from the side",
    "handle-pull": "pull the handle up from the front",
    "handle-pull-side": "pull the handle up from the side",
    "lever-pull": "pull the lever up",
    "peg-insert-side": "pick up the peg and insert it into the hole in the side of the box",
    "peg-unplug-side": "pull the plug out of the side of the box",
    "pick-out-of-hole": "take the puck out of the hole and carry it to the target",
    "pick-place": "pick up the puck and hold it at the target in the air",
    "pick-place-wall": "pick up the puck and carry it over the wall to the target",
    "plate-slide": "slide the plate forward into the goal",
    "plate-slide-back": "slide the plate back out of the goal towards the robot",
    "plate-slide-back-side": "slide the plate sideways out of the goal",
    "plate-slide-side": "slide the plate sideways into the goal",
    "push": "push the puck along the table to the target",
    "push-back": "pull the block back along the table to the target",
    "push-wall": "push the puck around the wall to the target",
    "reach": "move the hand to the target",
    "reach-wall": "move the hand past the wall to the target",
    "shelf-place": "pick up the block and put it on the shelf",
    "soccer": "kick the ball into the soccer goal",
    "stick-pull": "put the stick through the handle of the thermos and pull it to the target",
    "stick-push": "pick up the stick and push the thermos to the target with it",
    "sweep": "sweep the block off the table",
    "sweep-into": "sweep the block into the hole in the table",
    "window-close": "slide the window shut",
    "window-open": "slide the window open",
}

TASKS = tuple(INSTRUCTIONS)

_TASK_OF = {text: task for task, text in INSTRUCTIONS.items()}


def task_name(name: str) -> str:
    """The short name of a task, from itself or from Meta-World's own ("door-open-v3").

    Raises:
        UnknownName: with the nearest tasks.
    """
    short = name.removesuffix("-v3")
    if short not in INSTRUCTIONS:
        raise UnknownName("task", name, TASKS, "praxia info --benchmarks")
    return short


def instruction(task: str) -> str:
    """What the robot is told in `task`. Raises UnknownName."""
    return INSTRUCTIONS[task_name(task)]


def task_of(text: str) -> str:
    """The task whose instruction is `text`: the inverse of `instruction`. Raises UnknownName."""
    if text not in _TASK_OF:
        raise UnknownName("instruction", text, _TASK_OF, "praxia info --benchmarks")
    return _TASK_OF[text]
