"""Jobs that survive a crash: accepted, dispatched, worked on, recovered, reported."""
