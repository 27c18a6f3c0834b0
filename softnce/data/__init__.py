"""Pairs of (query, function): reading, mining, batching."""
