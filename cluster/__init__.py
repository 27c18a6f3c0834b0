"""The running: the command line, and what a study needs from the machine it runs on."""
