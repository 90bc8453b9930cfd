"""What goes wrong on the way of a notice."""

from __future__ import annotations


class DeliveryError(Exception):
    """This attempt failed; the message says how, without the address, which may be a secret."""
