"""What is asked of a pretrained model once it is loaded."""
