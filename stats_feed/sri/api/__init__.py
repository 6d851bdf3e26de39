"""This room reads the monitoring API: requests, pages and answers, up to one reading."""
