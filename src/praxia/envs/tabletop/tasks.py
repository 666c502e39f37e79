"""The tasks of Tabletop by name: a verb and, after a dash, the factor that is held out from training.

Three axes of generalisation: *task* (another task in a known kind of scene), *scene* (a known task with another
appearance), *embodiment* (another robot). In the star-Gen taxonomy (arXiv 2503.01238): "combinations",
"phrasings" and "references" are semantic; "colours", "textures", "lights", "cameras" and "distractors" visual;
"heights", untrained verbs and relations, chains and embodiments behavioural.
"""

from praxia.core.errors import UnknownName
from praxia.envs.tabletop.palette import COLOURS
from praxia.envs.tabletop.scene import SHAPES, Fixture, Thing

__all__ = [
    "CHAINS",
    "INSTRUCTIONS",
    "MOVING",
    "RELATIONS",
    "SCENE_FACTORS",
    "STILL",
    "TASK_FACTORS",
    "TRAINED",
    "UNTRAINED",
    "is_held_out_combination",
    "short_name",
]

TRAINED = ("touch", "push", "press", "pick", "place")
UNTRAINED = ("push-to", "place-beside", "stack", "open", "close", "flip")
# Relations between two things do not occur in training, which pushes by direction and places in bins and on plates.
RELATIONS = ("to", "beside")
CHAINS = ("chain-2", "chain-3", "chain-4", "chain-5")
TASK_FACTORS = ("combinations", "phrasings", "references")
SCENE_FACTORS = ("colours", "textures", "lights", "cameras", "heights", "distractors")

# Time matters in these, whose subject or target moves by itself; and the same scenes and goals with everything at rest.
MOVING = ("belt-place", "jump-reach", "jump-push", "path-follow")
STILL = tuple(f"{task}-still" for task in MOVING)

_PATTERNS = {
    "touch": "touch <thing>",
    "push": "push <thing> <direction>",
    "push-to": "push <thing> to <thing>",
    "press": "press <button>",
    "pick": "pick up <thing>",
    "place": "place <thing> <in bin or on plate>",
    "place-beside": "place <thing> <left or right of> <thing>",
    "stack": "stack <thing> on <thing>",
    "open": "open <drawer>",
    "close": "close <drawer>",
    "flip": "flip <switch>",
}
INSTRUCTIONS = {
    **_PATTERNS,
    "belt-place": "take <thing> off the belt and put it <in bin or on plate>",
    "jump-reach": "go to <spot>, which jumps away",
    "jump-push": "push <thing> onto <spot>, which jumps away",
    "path-follow": "follow <spot> for 1.5 s",
    "belt-place-still": "take <thing> off the belt, which stands, and put it <in bin or on plate>",
    "jump-reach-still": "go to <spot>, which stays",
    "jump-push-still": "push <thing> onto <spot>, which stays",
    "path-follow-still": "stay over <spot>, which does not move, for 1.5 s",
    **{chain: f"first ..., then ...: {chain[-1]} parts" for chain in CHAINS},
    **{
        f"{verb}-{factor}": f"{_PATTERNS[verb]}, held-out {factor}"
        for factor in (*TASK_FACTORS, *SCENE_FACTORS)
        for verb in TRAINED
        if (verb, factor) != ("press", "references")  # two buttons differ in colour alone
    },
}


def short_name(task: str) -> str:
    """The task's name, unchanged.

    Raises:
        UnknownName: with the nearest tasks.
    """
    if task not in INSTRUCTIONS:
        raise UnknownName("Tabletop task", task, INSTRUCTIONS, "praxia info --tasks tabletop-gantry")
    return task


def is_held_out_combination(verb: str, item: Thing | Fixture) -> bool:
    """Whether this verb is never trained on things of this colour and shape (other verbs are)."""
    if verb not in TRAINED:
        return False
    shape = SHAPES.index(item.shape) if isinstance(item, Thing) else 0  # pyright: ignore[reportArgumentType]
    return (list(COLOURS).index(item.colour) + 2 * shape + TRAINED.index(verb)) % len(COLOURS) == 0
