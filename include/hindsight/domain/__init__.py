"""The words of Hindsight as values: standard library only, knowing no more than themselves."""
