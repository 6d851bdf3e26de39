"""Status files as ckpool writes them: opened empty, written, closed, once a minute."""

import json
from pathlib import Path

Json = dict[str, object]


def suffixed(value: float) -> str:
    """A hashrate as ckpool's `suffix_string` writes it: three digits and a letter."""
    for letter, unit in (("E", 1e18), ("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("K", 1e3)):
        if value >= unit:
            return f"{value / unit:.3g}{letter}"
    return str(int(value))


def worker(name: str, *, shares: int, lastshare: float, hashrate: float = 1e12) -> Json:
    rates = dict.fromkeys(
        ("hashrate1m", "hashrate5m", "hashrate1hr", "hashrate1d", "hashrate7d"), suffixed(hashrate)
    )
    return {
        "workername": name,
        **rates,
        "lastshare": int(lastshare),
        "shares": shares,
        "bestshare": 8345.62,
        "bestever": 8345,
    }


def user_text(*workers: Json) -> str:
    """A file of `users/`."""
    user: Json = {
        "hashrate1m": "1T",
        "lastshare": 0,
        "workers": len(workers),
        "shares": sum(int(str(one["shares"])) for one in workers),
        "bestshare": 8345.62,
        "authorised": 1730480000,
        "worker": list(workers),
    }
    return json.dumps(user, indent=1) + "\n"


def pool_text(*, lastupdate: float, accepted: int) -> str:
    """The file `pool/pool.status`."""
    lines: list[Json] = [
        {"runtime": 60, "lastupdate": int(lastupdate), "Users": 1, "Workers": 2, "Idle": 0},
        {"hashrate1m": "1.23P", "hashrate5m": "1.2P", "hashrate15m": "1.2P"},
        {"diff": 0.5, "accepted": accepted, "rejected": 77, "bestshare": 8345, "SPS1m": 3.1},
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


class LogDir:
    """ckpool's log directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "pool").mkdir(parents=True)
        (path / "users").mkdir()

    @property
    def status(self) -> Path:
        return self.path / "pool" / "pool.status"

    def user(self, name: str) -> Path:
        return self.path / "users" / name

    def write(self, now: float, accepted: int, **users: tuple[Json, ...]) -> None:
        self.status.write_text(pool_text(lastupdate=now, accepted=accepted))
        for name, workers in users.items():
            self.user(name).write_text(user_text(*workers))
