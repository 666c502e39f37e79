"""Encoder + Head = Policy. Models are registered here by tag; outside packages use the group `praxia.models`."""

MODELS = {
    "corrected": "praxia.policies.correction:Corrected",
    "decoded": "praxia.worlds.decoder:Decoded",
    "dual": "praxia.policies.two_systems:Dual",
    "dino-wm": "praxia.worlds.dino_wm:DinoWM",
    "goal-inverse": "praxia.policies.goal_inverse:GoalInverse",
    "encoder-head": "praxia.policies.encoder_head:EncoderHead",
    "foresight": "praxia.policies.foresight:Foresight",
    "inverse-dynamics": "praxia.worlds.inverse_dynamics:InverseDynamics",
    "lapa": "praxia.worlds.lapa:LAPA",
    "lewm": "praxia.worlds.lewm:LeWM",
    "uwm": "praxia.joint.uwm:UWM",
    "specialist": "praxia.policies.specialist:Specialist",
}
