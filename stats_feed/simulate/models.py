"""The machines of the simulated fleet."""

from dataclasses import dataclass
from random import Random

_TERA = 1e12


@dataclass(frozen=True, slots=True, kw_only=True)
class MinerModel:
    """A machine on the market: `hashrate` in H/s as its maker states it, `weight` its frequency."""

    name: str
    code: str
    hashrate: float
    weight: int


MODELS = (
    MinerModel(name="Antminer S21", code="s21", hashrate=200 * _TERA, weight=8),
    MinerModel(name="Antminer S19j Pro", code="s19jpro", hashrate=104 * _TERA, weight=7),
    MinerModel(name="Whatsminer M60", code="m60", hashrate=170 * _TERA, weight=5),
    MinerModel(name="Avalon A1466", code="a1466", hashrate=150 * _TERA, weight=3),
    MinerModel(name="Bitaxe Gamma", code="gamma", hashrate=1.2 * _TERA, weight=2),
)


def draw_model(random: Random) -> MinerModel:
    """Draw a model, the frequent ones more often."""
    (model,) = random.choices(MODELS, [model.weight for model in MODELS])
    return model
