"""What a person may name: a configuration, a model, a trial to train anew."""
