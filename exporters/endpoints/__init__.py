"""One file for each kind of answer that the services give over HTTP."""
