"""This feed simulates a translator with its miners and a pool with its connections."""
