"""The signed manifest of a release: what it was made of, and the hashes of what it is.

The signature is an HMAC-SHA-256 under a key derived from the id key: who holds the lake's key can prove that neither
the manifest nor, by the hashes in it, a published table was changed since. It stands in the registry's PUBLISHED row,
so that a release and its manifest appear in one commit.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

_PURPOSE: Final = b"dtsen release manifest"


def signed(content: Mapping[str, Any], key: bytes) -> dict[str, Any]:
    """Return a manifest with its signature.

    Args:
        content: What is signed; JSON values only.
        key: The id key.
    """
    return {"manifest": dict(content), "signature": _signature(content, key)}


def is_genuine(detail: Mapping[str, Any], key: bytes) -> bool:
    """Say whether a registry row's manifest is the one that was signed under this key.

    Args:
        detail: Facts of the PUBLISHED row, from ``signed``.
        key: The id key.
    """
    content, signature = detail.get("manifest"), detail.get("signature")
    if content is None or signature is None:
        return False
    return hmac.compare_digest(_signature(content, key), str(signature))


def _signature(content: Mapping[str, Any], key: bytes) -> str:
    # A key of its own purpose: an opaque id can never be taken for a signature.
    derived = hmac.new(key, _PURPOSE, hashlib.sha256).digest()
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
