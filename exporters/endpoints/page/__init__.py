"""The status page at `/`, and a page for each miner and connection, for whoever has a browser.

The server renders what is so now, so that the pages also work without JavaScript. With it, the
scripts in `assets/script` keep that current and add history, alerts and the table of all rows.
"""
