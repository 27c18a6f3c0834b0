"""What a person sees: safe to show, whatever the texts hold."""
