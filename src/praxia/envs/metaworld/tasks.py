"""The 50 tasks of Meta-World v3, each with an instruction that no other task shares."""

from praxia.core.errors import UnknownName

__all__ = ["INSTRUCTIONS", "short_name"]

INSTRUCTIONS = {
    "assembly": "pick up the ring by its handle and put it over the peg",
    "basketball": "lift the basketball and dunk it into the hoop",
    "bin-picking": "move the green block from the red bin into the blue bin",
    "box-close": "pick up the lid and close the box with it",
    "button-press": "press the red button on the front of the box",
    "button-press-topdown": "press the red button on top of the box down",
    "button-press-topdown-wall": "reach over the brick wall and press the red button on top of the box down",
    "button-press-wall": "go around the brick wall and press the red button on the front of the box",
    "coffee-button": "press the button of the coffee machine",
    "coffee-pull": "pull the mug away from the coffee machine to the goal",
    "coffee-push": "push the mug under the coffee machine",
    "dial-turn": "turn the dial by half a turn",
    "disassemble": "lift the ring off the peg",
    "door-close": "close the safe's door",
    "door-lock": "lock the door by turning its lock down",
    "door-open": "open the safe's door by its handle",
    "door-unlock": "unlock the door by turning its lock to the side",
    "drawer-close": "push the drawer closed",
    "drawer-open": "pull the drawer open",
    "faucet-close": "turn the faucet's handle to close it",
    "faucet-open": "turn the faucet's handle to open it",
    "hammer": "take the hammer and drive the nail into the wooden box",
    "hand-insert": "push the hand with the block down into the hole",
    "handle-press": "press the handle down from the front",
    "handle-press-side": "press the handle down from the side",
    "handle-pull": "pull the handle up from the front",
    "handle-pull-side": "pull the handle up from the side",
    "lever-pull": "pull the lever up",
    "peg-insert-side": "insert the peg into the hole in the side of the box",
    "peg-unplug-side": "unplug the peg sideways from the box",
    "pick-out-of-hole": "pick the puck up out of the hole and hold it at the goal",
    "pick-place": "pick up the puck and hold it at the goal",
    "pick-place-wall": "lift the puck over the brick wall and hold it at the goal",
    "plate-slide": "slide the plate forward into the net",
    "plate-slide-back": "slide the plate back out of the net",
    "plate-slide-back-side": "slide the plate sideways out of the net",
    "plate-slide-side": "slide the plate sideways into the net",
    "push": "push the puck across the table to the goal",
    "push-back": "pull the block back towards the robot to the goal",
    "push-wall": "push the puck around the brick wall to the goal",
    "reach": "move the hand to the goal",
    "reach-wall": "reach around the brick wall to the goal",
    "shelf-place": "pick up the block and place it on the shelf",
    "soccer": "kick the ball into the soccer goal",
    "stick-pull": "put the stick through the thermos's handle and pull the thermos to the goal",
    "stick-push": "grasp the stick and push the thermos to the goal with it",
    "sweep": "sweep the block off the table",
    "sweep-into": "sweep the block into the hole",
    "window-close": "slide the window closed",
    "window-open": "slide the window open",
}


def short_name(task: str) -> str:
    """The task's name without Meta-World's version: "door-open" for "door-open" and "door-open-v3".

    Raises:
        UnknownName: with the nearest tasks.
    """
    name = task.removesuffix("-v3")
    if name not in INSTRUCTIONS:
        raise UnknownName("Meta-World task", task, INSTRUCTIONS, "praxia info --tasks metaworld")
    return name
