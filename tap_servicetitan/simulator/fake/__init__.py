"""Invented values: names, texts, numbers, ids and whole records of a trades business."""
