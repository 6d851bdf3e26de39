"""The machines of the simulated fleet."""

from dataclasses import dataclass
from random import Random

_TERA = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerModel:
    """A machine on the market: `hashrate` in H/s as its maker states it, `weight` its frequency.

    `agent` is what it says of itself in mining.subscribe.
    """

    name: str
    code: str
    agent: str
    hashrate: float
    weight: int


MODELS = (
    MinerModel(
        name="Antminer S21", code="s21", agent="bmminer/2.0.0", hashrate=200 * _TERA, weight=8
    ),
    MinerModel(
        name="Antminer S19j Pro",
        code="s19jpro",
        agent="bosminer-plus-tuner/0.2.0",
        hashrate=104 * _TERA,
        weight=7,
    ),
    MinerModel(
        name="Whatsminer M60", code="m60", agent="btminer/3.4.0", hashrate=170 * _TERA, weight=5
    ),
    MinerModel(
        name="Avalon A1466", code="a1466", agent="cgminer/4.11.1", hashrate=150 * _TERA, weight=3
    ),
    MinerModel(
        name="Bitaxe Gamma", code="gamma", agent="bitaxe/BM1370", hashrate=1.2 * _TERA, weight=2
    ),
)


def draw_model(random: Random) -> MinerModel:
    """Draw a model, the frequent ones more often."""
    (model,) = random.choices(MODELS, [model.weight for model in MODELS])
    return model
