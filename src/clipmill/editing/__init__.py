"""Decisions: values in, values out, the same answer every time; nothing here touches the world."""
