"""The languages whose functions can be mined: a file each, and a row in the table."""
