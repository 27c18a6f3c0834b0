"""Is a machine or a cluster ready for a search?"""
