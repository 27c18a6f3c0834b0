"""Contrastive losses as pure functions on logits."""
