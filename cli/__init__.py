"""The `lethe` command for participants, organizers and operators."""
