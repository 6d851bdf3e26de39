"""The status page at `/`, for an operator who has a browser and nothing else.

The server renders the summary (state, totals, sources) into the page, so that it also works without
JavaScript. With it, `page.js` keeps the summary current and adds the table of rows.
"""
