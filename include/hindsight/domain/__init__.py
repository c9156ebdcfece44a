"""The words of Hindsight as values: standard library only, no behaviour beyond what a value knows of itself."""
