"""Read what geolocation services answer and stage it: sources, formats, field names, rejects."""
