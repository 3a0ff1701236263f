"""What runs inside the sandbox and in a participant's dry run: it imports nothing else of Lethe."""
