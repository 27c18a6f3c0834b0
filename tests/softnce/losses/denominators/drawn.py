"""Sections of the configuration, and vectors and relevance drawn at random."""

import torch

from softnce.config.sections.method import LossSection


def section(name, **changes):
    mask = "none" if name == "shifted" else "absolute"
    return LossSection(**{"name": name, "mask": mask} | changes)


# --- known duplicates


MARKED = torch.zeros(5, 8, dtype=torch.bool)
