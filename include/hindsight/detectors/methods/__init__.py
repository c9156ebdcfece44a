"""Numeric routines that several detectors share: arrays in, numbers out, nothing of monitors."""
