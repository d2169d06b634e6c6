"""Keep the geolocation cache of a fail2ban host fresh, from cron, with no daemon."""

__version__ = "0.1.0"
