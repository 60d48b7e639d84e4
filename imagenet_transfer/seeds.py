"""Seeds come from names, not from positions: a new subset or replicate changes no other run."""

import hashlib


def digest_of(*parts: str | int) -> bytes:
    """Return the 32-byte SHA-256 of the parts joined by "/"."""
    return hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()


def seed_of(*parts: str | int) -> int:
    """Return a 63-bit seed that depends only on the parts: `seed_of(2016, "pretrain", name)`."""
    return int.from_bytes(digest_of(*parts)[:8], "big") >> 1
