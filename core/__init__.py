"""What api and worker share: errors, lifecycle, settings, models, database, storage, queue."""
