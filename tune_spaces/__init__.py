"""The searching: spaces, trials and studies over the losses of softnce."""
