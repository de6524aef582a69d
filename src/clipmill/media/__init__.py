"""The machines: programs and models that are started, watched and asked; nothing here decides."""
