"""Ray for one search: started, measured, left."""
