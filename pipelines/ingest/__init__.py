"""From files to checked tables: readers, staging and checks. Nothing here knows what a grade means."""
