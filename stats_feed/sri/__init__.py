"""This feed reads the monitoring API of SRI's and hashpool's pools, JD clients and translators."""
